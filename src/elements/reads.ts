/**
 * What a text can read of its surroundings while an image is built. Nothing is run: whatever a text names counts as read, and one that
 * finds out by itself what there is (`env`, `${!name}`, a list of the hook tree) counts as reading all. So a text never reads more than this.
 */
export interface Reads {
  /** Variables `DIB_...` by name; with a last `*`, all that begin so. */
  readonly variables: readonly string[];
  /** All variables. */
  readonly environment: boolean;
  /** Names of first-level entries of the hook tree, and of hooks. */
  readonly entries: readonly string[];
  /** The whole hook tree. */
  readonly tree: boolean;
}

/** What `readsOf` needs to know of the text. */
export interface ReadingText {
  readonly text: string;
  /** A file of environment.d: what it assigns it does not read. */
  readonly environmentFile?: boolean | undefined;
  /** Nobody runs it: documents, and data that are no text. Only names of variables are looked for. */
  readonly data?: boolean | undefined;
}

/** A text that was looked at, before the names of the hook tree are known. */
export interface Scan extends Omit<Reads, 'entries'> {
  readonly words: ReadonlySet<string>;
}

/** Looks at a text; `entriesOf` then says which entries of a hook tree it names. */
export function scanText({ text, environmentFile = false, data = false }: ReadingText): Scan {
  const looked = withoutOwnNames(environmentFile ? withoutAssigned(text) : text);
  const variables = variablesIn(looked);
  if (data) return { variables, environment: false, tree: false, words: new Set() };
  return {
    variables,
    environment: WHOLE_ENVIRONMENT.some((pattern) => pattern.test(looked)),
    tree: listsTree(looked),
    words: new Set(looked.match(/[\w.-]*\w/g)),
  };
}

/** Scripts are small: what is larger than this is data, or a program that is not looked into. */
export const LARGEST_SCRIPT = 1 << 20;

/** Looks at a file of a hook tree. */
export function scanBytes(path: string, bytes: Buffer, executable: boolean): Scan {
  if (bytes.length > LARGEST_SCRIPT) return { variables: [], environment: executable, tree: executable, words: new Set() };
  const data = !executable && (/(^|\/)README[^/]*$|\.(md|rst|txt)$/.test(path) || bytes.includes(0));
  return scanText({ text: bytes.toString('latin1'), environmentFile: path.startsWith('environment.d/'), data });
}

/** What a scanned text reads of a hook tree with these entries. */
export function readsOf({ variables, environment, tree, words }: Scan, entries: ReadonlySet<string>): Reads {
  return { variables, environment, tree, entries: [...entries].filter((name) => words.has(name)).sort() };
}

/** Whether a name is among those that were read, perhaps as one of a family. */
export function isRead(name: string, variables: Iterable<string>): boolean {
  for (const each of variables) if (each === name || (each.endsWith('*') && name.startsWith(each.slice(0, -1)))) return true;
  return false;
}

/** The first line of a script names `env` and reads nothing. */
function withoutOwnNames(text: string): string {
  return text.startsWith('#!') ? text.slice(text.indexOf('\n') + 1) : text;
}

/**
 * environment.d without the names that it only gives a value, or its default to (`export NAME=${NAME:-value}`): the value that a hook finds
 * depends on the caller's for hooks that read the name, and for no others.
 */
function withoutAssigned(text: string): string {
  return text
    .replace(/^([ \t]*(?:export[ \t]+)?)([A-Za-z_]\w*)=("?)\$\{\2:?-/gm, '$1=$3${:-')
    .replace(/^([ \t]*:[ \t]+"?)\$\{[A-Za-z_]\w*:?=/gm, '$1${:=')
    .replace(/^([ \t]*export)[ \t]+[A-Za-z_]\w*[ \t]*$/gm, '$1 =')
    .replace(/^([ \t]*(?:export[ \t]+)?)[A-Za-z_]\w*=/gm, '$1=');
}

/** A name to which more is added (`DIB_REPOREF_$name`, `"DIB_X_" + name`) stands for its family. */
function variablesIn(text: string): string[] {
  const names = new Set<string>();
  for (const { 0: name, index } of text.matchAll(/\bDIB_\w*/g)) {
    const next = text[index + name.length] ?? '';
    names.add(name.endsWith('_') || '$`{*?[%\\'.includes(next || ' ') ? `${name}*` : name);
  }
  return [...names].sort();
}

/** A command without arguments: the end of a line or of the command follows. */
const END = '(?=[ \\t]*(?:$|[|;&>)`#]))';

/** Ways to read variables without their names, in shells and in the languages that hooks are written in. */
const WHOLE_ENVIRONMENT: readonly RegExp[] = [
  /(?<![\w.$/{-])(?:\/usr)?(?:\/bin\/)?env(?![\w.=:-])(?![ \t]+(?:-[iu]|[A-Za-z_]\w*=))/m,
  /\bprocess\.env\b(?!\.\w|\[['"])/,
  /\b(?:printenv|envsubst|DIB_ENV|compgen(?! -G))\b/,
  new RegExp(`(?<![\\w.$/{-])(?:declare|typeset|export|readonly|local)(?:[ \\t]+-[A-Za-z]+)*${END}`, 'm'),
  /\b(?:declare|typeset|export|local)[ \t]+-[A-Za-z]*[pn]/,
  new RegExp(`(?:^|[;&|({\`]|\\b(?:then|do|else))[ \\t]*set${END}`, 'm'),
  // Indices of an array are no names of variables.
  /\$\{!(?!\w+\[[@*]\]\})/,
  /\[\[? -v "?\$|\btest -v "?\$/,
  /\beval\b(?! declare -A \w+=\(\$\(get_image_element_array\)\))/,
  /\benviron\b(?!\.get\(\s*['"]|\[\s*['"])/,
  /\bgetenv\b(?!\(\s*['"])/,
  /\bENVIRON\b(?!\[\s*['"])/,
  /[%&]ENV\b|\bENV\b(?=\.|\[[^'"])|\$ENV\{\s*\$/,
];

/** What leads to the root of the hook tree, or to a directory in it. */
const PLACE =
  '\\bTMP_HOOKS_PATH\\b|\\bin_target\\.d\\b|(?<![.\\w])\\.\\.(?![.\\w])|\\b_LIB\\b|dirname(?: --)? ["\']?\\$\\{?(?:0|BASH_SOURCE(?:\\[0\\])?)(?!\\w)|\\$\\{(?:0|BASH_SOURCE(?:\\[0\\])?)%/\\*';
/** What may stand between a place and the name that follows. */
const CLOSED = '["\')}]*';
/** The place and a name in it, spelt out. */
const NAMED = `${CLOSED}/(?:\\.\\./|\\./)*[\\w.-]+(?![\\w.$\`{*?[\\\\-])`;

/** Whether a text lists directories of the hook tree, or puts together names in it, as far as that can be seen. */
function listsTree(text: string): boolean {
  if (/dirname\W{1,6}(?:os\.path\.)?dirname|\bparents\b|\.parent\b/.test(text)) return true;
  const aliases = new Set<string>();
  for (const place of text.matchAll(new RegExp(PLACE, 'g'))) {
    const rest = text.slice(place.index + place[0].length, text.indexOf('\n', place.index + place[0].length) >>> 0);
    if (new RegExp(`^${NAMED}`).test(rest) || new RegExp(`^${CLOSED}/\\.\\.(?![.\\w])`).test(rest)) continue;
    const alias = aliasOf(text, place.index, rest);
    if (alias === undefined) return true;
    aliases.add(alias);
  }
  return [...aliases].some((name) => !isSpeltOut(name, text));
}

/** The variable that a line gives a place to: `hooks=$(cd "$(dirname "$0")/.." && pwd)`. */
function aliasOf(text: string, index: number, rest: string): string | undefined {
  const line = text.slice(text.lastIndexOf('\n', index) + 1, index);
  const alias = /^[ \t]*(?:(?:export|local|readonly)[ \t]+)?([A-Za-z_]\w*)=/.exec(line)?.[1];
  return alias === 'TMP_HOOKS_PATH' || /[^/]\/[\w*$]/.test(rest) ? undefined : alias;
}

/** Whether a variable with a place in it is only used with names. */
function isSpeltOut(name: string, text: string): boolean {
  const uses = [...text.matchAll(new RegExp(`\\$\\{?${name}\\b`, 'g'))];
  return uses.every(({ 0: use, index }) => new RegExp(`^${NAMED}`).test(text.slice(index + use.length)));
}
