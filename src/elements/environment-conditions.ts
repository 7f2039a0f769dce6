/** Looks up a word of the shell with its quotes and expansions; undefined when only a shell can tell. */
export type ExpandWord = (word: string) => string | undefined;

/** An `if` of a shell text: its conditions with their branches, the `else` last with the condition `true`. */
export interface IfBlock {
  readonly branches: readonly { readonly condition: string; readonly lines: readonly string[] }[];
  /** Index of the line with `fi`. */
  readonly last: number;
}

/** Reads the `if ...; then` that begins at a line, with nested ones left in the branches. Undefined if it is written in another way. */
export function readIf(lines: readonly string[], first: number): IfBlock | undefined {
  const branches: { condition: string; lines: string[] }[] = [];
  let depth = 0;
  for (let at = first; at < lines.length; at += 1) {
    const line = (lines[at] ?? '').trim();
    const opens = /^(if|elif)\b(.*?);\s*then$/.exec(line);
    if (opens?.[1] === 'if' && at > first) depth += 1;
    if (depth > 0) {
      if (line === 'fi') depth -= 1;
      branches.at(-1)?.lines.push(lines[at] ?? '');
    } else if (opens?.[2] !== undefined) branches.push({ condition: opens[2].trim(), lines: [] });
    else if (at === first || /\b(if|case|while|until|for)\b.*(\bdo|\bin|\bthen)?$/.test(line.replace(/#.*$/, '')) === true)
      return undefined;
    else if (line === 'else') branches.push({ condition: 'true', lines: [] });
    else if (line === 'fi') return { branches, last: at };
    else branches.at(-1)?.lines.push(lines[at] ?? '');
  }
  return undefined;
}

/** Whether a condition made of `[[ ]]` and `[ ]` with `&&` and `||` holds; undefined when that is not known (files, commands, unknown variables). */
export function evaluateCondition(text: string, expand: ExpandWord): boolean | undefined {
  if (text === 'true') return true;
  const words = splitWords(text);
  const reader = { words, at: 0 };
  const value = anyOf(reader, expand);
  return reader.at === words.length ? value : undefined;
}

interface Reader {
  readonly words: readonly string[];
  at: number;
}

/** The shell gives `&&` and `||` between commands equal weight, from left to right. */
function anyOf(reader: Reader, expand: ExpandWord): boolean | undefined {
  let value = test(reader, expand);
  for (;;) {
    const operator = reader.words[reader.at];
    if (operator !== '&&' && operator !== '||') return value;
    reader.at += 1;
    const right = test(reader, expand);
    value = operator === '&&' ? and(value, right) : or(value, right);
  }
}

function test(reader: Reader, expand: ExpandWord): boolean | undefined {
  const open = reader.words[reader.at];
  const close = { '[[': ']]', '[': ']' }[open ?? ''];
  const end = close === undefined ? -1 : reader.words.indexOf(close, reader.at);
  if (end < 0) {
    reader.at = reader.words.length + 1;
    return undefined;
  }
  const inner = reader.words.slice(reader.at + 1, end);
  reader.at = end + 1;
  return split(inner, '||').reduce<boolean | undefined>(
    (value, part) =>
      or(
        value,
        split(part, '&&').reduce<boolean | undefined>((all, one) => and(all, primary(one, expand)), true),
      ),
    false,
  );
}

function primary(words: readonly string[], expand: ExpandWord): boolean | undefined {
  if (words[0] === '!') {
    const value = primary(words.slice(1), expand);
    return value === undefined ? undefined : !value;
  }
  const [first = '', operator = '', second = ''] = words;
  if (words.length === 2 && (first === '-n' || first === '-z')) {
    const value = expand(operator);
    return value === undefined ? undefined : (value === '') === (first === '-z');
  }
  if (words.length !== 3) return undefined;
  const left = expand(first);
  const right = expand(second);
  if (left === undefined || right === undefined) return undefined;
  return compare(left, operator, right, /^["']/.test(second));
}

function compare(left: string, operator: string, right: string, quoted: boolean): boolean | undefined {
  const numbers = (how: (a: number, b: number) => boolean) =>
    /^-?\d+$/.test(left) && /^-?\d+$/.test(right) ? how(Number(left), Number(right)) : undefined;
  switch (operator) {
    case '=':
    case '==':
      return !quoted && /[*?[]/.test(right) ? undefined : left === right;
    case '!=':
      return !quoted && /[*?[]/.test(right) ? undefined : left !== right;
    case '=~':
      return matches(left, right);
    case '>':
      return left > right;
    case '<':
      return left < right;
    case '-eq':
      return numbers((a, b) => a === b);
    case '-ne':
      return numbers((a, b) => a !== b);
    case '-gt':
      return numbers((a, b) => a > b);
    case '-ge':
      return numbers((a, b) => a >= b);
    case '-lt':
      return numbers((a, b) => a < b);
    case '-le':
      return numbers((a, b) => a <= b);
    default:
      return undefined;
  }
}

/** Extended regular expressions (regex(7)) mean the same here as long as they have only these characters. */
function matches(text: string, expression: string): boolean | undefined {
  return /^[A-Za-z0-9_|().^$*+-]+$/.test(expression) ? new RegExp(expression).test(text) : undefined;
}

function and(left: boolean | undefined, right: boolean | undefined): boolean | undefined {
  if (left === false || right === false) return false;
  return left === undefined || right === undefined ? undefined : true;
}

function or(left: boolean | undefined, right: boolean | undefined): boolean | undefined {
  if (left === true || right === true) return true;
  return left === undefined || right === undefined ? undefined : false;
}

/** Words apart at blanks that are in no quotes and no braces. */
function splitWords(text: string): string[] {
  return text.match(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|\$\{[^}]*\}|[^\s"'])+/g) ?? [];
}

function split(words: readonly string[], separator: string): string[][] {
  const parts: string[][] = [[]];
  for (const word of words) {
    if (word === separator) parts.push([]);
    else parts.at(-1)?.push(word);
  }
  return parts;
}
