import { evaluateCondition, readIf } from './environment-conditions.ts';

/**
 * What can be known of environment.d files without running them. Their assignments are mostly literals and `${NAME:-default}`;
 * those are evaluated, also in an `if` that compares them. Whatever needs a shell (command substitution, files) makes the variable unknown.
 */
export interface StaticEnvironment {
  /** Values of exported variables. */
  readonly values: Readonly<Record<string, string>>;
  /** Variables that the files set in a way that only a shell can tell. */
  readonly unknown: ReadonlySet<string>;
}

interface Scope {
  readonly values: Map<string, string>;
  readonly exported: Set<string>;
  readonly unknown: Set<string>;
}

/** Evaluates the texts in order on top of `initial`, all of which counts as exported. */
export function evaluateEnvironment(texts: readonly string[], initial: Readonly<Record<string, string>>): StaticEnvironment {
  const scope: Scope = { values: new Map(Object.entries(initial)), exported: new Set(Object.keys(initial)), unknown: new Set() };
  for (const text of texts) evaluateText(text, scope);
  const values: Record<string, string> = {};
  for (const name of [...scope.exported].sort()) {
    const value = scope.values.get(name);
    if (value !== undefined && !scope.unknown.has(name)) values[name] = value;
  }
  return { values, unknown: scope.unknown };
}

/** Longest run of lines that one quoted value may span. */
const MAX_JOINED_LINES = 200;

function evaluateText(text: string, scope: Scope): void {
  evaluateLines(text.replaceAll('\\\n', '').split('\n'), scope);
}

function evaluateLines(lines: readonly string[], scope: Scope): void {
  let depth = 0;
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (depth === 0) {
      const end = evaluateStatement(lines, index, scope);
      if (end !== undefined) {
        index = end;
        continue;
      }
      const after = evaluateIf(lines, index, scope);
      if (after !== undefined) {
        index = after;
        continue;
      }
    }
    forgetAssigned(line, scope);
    depth = Math.max(0, depth + nesting(line));
  }
}

/** Follows the branch of an `if` whose conditions are known; gives the line of its `fi`, or undefined if a shell would have to tell. */
function evaluateIf(lines: readonly string[], first: number, scope: Scope): number | undefined {
  const block = readIf(lines, first);
  if (block === undefined) return undefined;
  const expand = (text: string): string | undefined => {
    // A regular expression may have parentheses and bars without quotes.
    const word = text.includes('$(') ? 'not-static' : readWord(text.replace(/[()|]/g, '\\$&'), scope);
    return typeof word === 'string' || word.rest !== '' ? undefined : word.value;
  };
  for (const { condition, lines: branch } of block.branches) {
    const holds = evaluateCondition(condition, expand);
    if (holds === undefined) return undefined;
    if (!holds) continue;
    evaluateLines(branch, scope);
    break;
  }
  return block.last;
}

/** Evaluates the statement that begins at a line, taking further lines while a quote is open; gives the last line used. */
function evaluateStatement(lines: readonly string[], first: number, scope: Scope): number | undefined {
  let text = lines[first] ?? '';
  for (let last = first; last < lines.length && last < first + MAX_JOINED_LINES; last += 1) {
    if (last > first) text += `\n${lines[last] ?? ''}`;
    const result = evaluateAssignments(text, scope);
    if (result === 'done') return last;
    if (result === 'not-static') return undefined;
  }
  return undefined;
}

/** Opened minus closed compound commands of one line. */
function nesting(line: string): number {
  const bare = line.replace(/'[^']*'|"(?:[^"\\]|\\.)*"/g, '""').replace(/(^|\s)#.*$/, '');
  const opened = bare.match(/(^|[;&|]|\b(?:then|do|else)\b)\s*(if|for|while|until|case)\b|(\{\s*$)/g)?.length ?? 0;
  const closed = bare.match(/(^|[;&|\s])(fi|done|esac)\b|(^\s*\})/g)?.length ?? 0;
  return opened - closed;
}

/** Variables that a line sets in some way that is not followed here. */
function forgetAssigned(line: string, scope: Scope): void {
  for (const match of line.matchAll(/(?:^|[\s;&|(])(?:export\s+)?([A-Za-z_]\w*)=|\$\{([A-Za-z_]\w*):?=/g)) {
    const name = match[1] ?? match[2];
    if (name !== undefined) scope.unknown.add(name);
  }
}

type Outcome = 'done' | 'not-static' | 'unfinished';

/** A line that is blank, a comment, `set`, or made of assignments alone (`export A=b C=d`, `: "${A:=b}"`). */
function evaluateAssignments(text: string, scope: Scope): Outcome {
  const line = text.replace(/^\s+/, '');
  if (line === '' || line.startsWith('#') || /^set(\s+[-+]\w+(\s+\w+)?)+\s*$/.test(line)) return 'done';
  const unset = /^unset\s+([A-Za-z_]\w*)\s*$/.exec(line)?.[1];
  if (unset !== undefined) {
    scope.values.delete(unset);
    scope.unknown.delete(unset);
    return 'done';
  }
  const command = /^(export|declare\s+-x|:)\s+/.exec(line);
  let rest = command === null ? line : line.slice(command[0].length);
  const exports = command !== null && command[1] !== ':';
  const assigned: { name: string; value: string | undefined }[] = [];
  while (rest !== '' && !rest.startsWith('#')) {
    const name = /^([A-Za-z_]\w*)(=?)/.exec(rest);
    const isColon = command?.[1] === ':';
    if (!isColon && (name?.[1] === undefined || (name[2] === '' && !exports))) return 'not-static';
    const word = readWord(isColon || name === null ? rest : rest.slice(name[0].length), scope);
    if (word === 'not-static' || word === 'unfinished') return word;
    if (!isColon && name?.[1] !== undefined) {
      if (name[2] === '') scope.exported.add(name[1]);
      else assigned.push({ name: name[1], value: word.value });
    }
    rest = word.rest.replace(/^[ \t]*;?[ \t]*/, '').replace(/^\n+/, '');
    // What follows a `;` is a statement of its own: only further assignments of the same kind are followed.
    if (/^(export|declare|:)\s/.test(rest)) {
      commit(assigned, exports, scope);
      return evaluateAssignments(rest, scope);
    }
  }
  commit(assigned, exports, scope);
  return 'done';
}

function commit(assigned: readonly { name: string; value: string | undefined }[], exports: boolean, scope: Scope): void {
  for (const { name, value } of assigned) {
    if (exports) scope.exported.add(name);
    if (value === undefined) scope.unknown.add(name);
    else {
      scope.unknown.delete(name);
      scope.values.set(name, value);
    }
  }
}

/** The words of a line, or why they cannot be told: something other than variables would have to run, a quote is open, or a value is not known. */
export type ExpandedLine = { readonly words: readonly string[] } | { readonly problem: 'not-static' | 'unfinished' | 'unknown' };

/**
 * Splits a line into words as a shell would, with quotes and parameter expansions resolved from `values`. Nothing is run, and no file name is expanded.
 * A `#` at the beginning of a word begins a comment. A variable that is not set, or in `unknown`, makes the line unknown.
 */
export function expandLine(line: string, values: Readonly<Record<string, string>>, unknown: ReadonlySet<string>): ExpandedLine {
  const scope: Scope = { values: new Map(Object.entries(values)), exported: new Set(), unknown: new Set(unknown) };
  const words: string[] = [];
  for (let rest = line.trimStart(); rest !== '' && !rest.startsWith('#'); ) {
    const word = readWord(rest, scope);
    if (typeof word === 'string') return { problem: word };
    // What stops a word and is no blank is an operator of the shell.
    if (word.rest === rest || /^;/.test(word.rest)) return { problem: 'not-static' };
    if (word.value === undefined) return { problem: 'unknown' };
    // The shell splits again what a variable holds.
    words.push(...word.value.split(/\s+/).filter((part) => part !== ''));
    rest = word.rest.trimStart();
  }
  return { words };
}

interface Word {
  /** Undefined when it depends on something unknown. */
  readonly value: string | undefined;
  readonly rest: string;
}

/** Reads one shell word with quotes and parameter expansions. */
function readWord(text: string, scope: Scope): Word | 'not-static' | 'unfinished' {
  let value: string | undefined = '';
  let quoted = false;
  let at = 0;
  const append = (piece: string | undefined): void => {
    value = value === undefined || piece === undefined ? undefined : value + piece;
  };
  while (at < text.length) {
    const char = text[at] ?? '';
    if (char === '"') {
      quoted = !quoted;
      at += 1;
    } else if (char === '\\') {
      const next = text[at + 1] ?? '';
      append(quoted && !'$`"\\'.includes(next) ? `\\${next}` : next);
      at += 2;
    } else if (char === "'" && !quoted) {
      const end = text.indexOf("'", at + 1);
      if (end < 0) return 'unfinished';
      append(text.slice(at + 1, end));
      at = end + 1;
    } else if (char === '`' || text.startsWith('$(', at)) {
      return 'not-static';
    } else if (char === '$') {
      const expansion = readExpansion(text.slice(at), scope);
      if (typeof expansion === 'string') return expansion;
      append(expansion.value);
      at = text.length - expansion.rest.length;
    } else if (!quoted && /[\s;]/.test(char)) break;
    else if (!quoted && /[&|<>()]/.test(char)) return 'not-static';
    else {
      append(char);
      at += 1;
    }
  }
  return quoted ? 'unfinished' : { value, rest: text.slice(at) };
}

/** `$NAME`, `${NAME}` and `${NAME:-word}` with the operators - = + ?, with or without the colon. */
function readExpansion(text: string, scope: Scope): Word | 'not-static' | 'unfinished' {
  const plain = /^\$([A-Za-z_]\w*)/.exec(text) ?? /^\$\{([A-Za-z_]\w*)\}/.exec(text);
  if (plain?.[1] !== undefined) return { value: lookUp(plain[1], scope), rest: text.slice(plain[0].length) };
  const head = /^\$\{([A-Za-z_]\w*)(:?)([-=+?])/.exec(text);
  if (head?.[1] === undefined)
    return text === '$' || /^\$[^\w{(]/.test(text) ? { value: '$', rest: text.slice(1) } : 'not-static';
  const end = closingBrace(text, head[0].length);
  if (end === undefined) return 'unfinished';
  const alternative = readWord(`"${text.slice(head[0].length, end).replaceAll('"', '')}"`, scope);
  if (typeof alternative === 'string') return alternative;
  const name = head[1];
  const unknown = scope.unknown.has(name);
  const current = scope.values.get(name);
  const isSet = current !== undefined && !(head[2] === ':' && current === '');
  const rest = text.slice(end + 1);
  if (unknown) return { value: undefined, rest };
  if (head[3] === '+') return { value: isSet ? alternative.value : '', rest };
  if (isSet) return { value: current, rest };
  if (head[3] === '?') return { value: undefined, rest };
  if (head[3] === '=') commit([{ name, value: alternative.value }], false, scope);
  return { value: alternative.value, rest };
}

function lookUp(name: string, scope: Scope): string | undefined {
  return scope.unknown.has(name) ? undefined : scope.values.get(name);
}

/** Index of the brace that ends an expansion whose word begins at `from`. */
function closingBrace(text: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text.startsWith('${', at)) depth += 1;
    else if (text[at] === '}') {
      if (depth === 0) return at;
      depth -= 1;
    }
  }
  return undefined;
}
