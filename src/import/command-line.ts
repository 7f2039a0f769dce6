import type { Checked, Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { didYouMean, listOf } from '../diagnostics/suggest.ts';
import { FLAGS, type Flag, PRINTING } from './flags.ts';
import type { Setting } from './imported.ts';

/** A command line of disk-image-create, taken apart. */
export interface CommandLine {
  readonly settings: readonly Setting[];
  readonly elements: readonly string[];
}

/**
 * Reads arguments as getopt_long(3) does: options and elements in any order, letters in one word, values joined or apart, long names
 * cut short as long as one name is meant, everything after `--` an element.
 */
export function parseCommandLine(args: readonly string[]): Checked<CommandLine> {
  const settings: Setting[] = [];
  const elements: string[] = [];
  const diagnostics: Diagnostic[] = [];
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') elements.push(...rest.splice(0));
    else if (word.startsWith('--')) long(word, rest, settings, diagnostics);
    else if (word.startsWith('-') && word !== '-') short(word.slice(1), rest, settings, diagnostics);
    else elements.push(word);
  }
  if (elements.length === 0 && diagnostics.length === 0) diagnostics.push(noElements());
  return diagnostics.length > 0 ? { diagnostics } : { value: { settings, elements }, diagnostics };
}

function long(word: string, rest: string[], settings: Setting[], diagnostics: Diagnostic[]): void {
  const [, name, joined] = /^([^=]*)(?:=([\s\S]*))?$/.exec(word) as unknown as [string, string, string | undefined];
  const flag = findLong(name);
  if (!('takesValue' in flag)) {
    diagnostics.push(flag);
    return;
  }
  if (joined !== undefined && !flag.takesValue) {
    diagnostics.push(usage(`The option ${quoted(flag.flag)} takes no value`));
    return;
  }
  take(flag, name, joined, rest, settings, diagnostics);
}

/** `-xut raw` is `-x -u -t raw`. */
function short(letters: string, rest: string[], settings: Setting[], diagnostics: Diagnostic[]): void {
  for (let at = 0; at < letters.length; at += 1) {
    const letter = letters[at] as string;
    const flag = FLAGS.find((candidate) => candidate.letter === letter);
    if (flag === undefined) {
      diagnostics.push(usage(letter === 'h' ? PRINTS_ONLY : `disk-image-create has no option ${quoted(`-${letter}`)}`));
      return;
    }
    const joined = flag.takesValue && at + 1 < letters.length ? letters.slice(at + 1) : undefined;
    take(flag, `-${letter}`, joined, rest, settings, diagnostics);
    if (flag.takesValue) return;
  }
}

function take(
  flag: Flag,
  written: string,
  joined: string | undefined,
  rest: string[],
  settings: Setting[],
  diagnostics: Diagnostic[],
): void {
  const value = flag.takesValue ? (joined ?? rest.shift()) : '';
  if (value === undefined) diagnostics.push(usage(`The option ${quoted(written)} lacks its value`));
  else {
    // Packages add up; a second list of types takes the place of the first.
    const earlier = flag.flag === '-t' ? settings.findIndex((setting) => setting.flag === flag.flag) : -1;
    if (earlier !== -1) settings.splice(earlier, 1);
    settings.push({ flag: flag.flag, value });
  }
}

const PRINTS_ONLY = '`--help` and `--version` build nothing: there is nothing to import';

function findLong(name: string): Flag | Diagnostic {
  const known = [...FLAGS.map(({ flag }) => flag).filter((flag) => flag.startsWith('--')), ...PRINTING];
  const matches = known.includes(name) ? [name] : known.filter((flag) => flag.startsWith(name));
  const [only] = matches;
  if (only === undefined) {
    const near = didYouMean(name, known);
    const help = near === undefined ? `Its long options are ${listOf(known)}.` : `Did you mean \`${near}\`?`;
    return usage(`disk-image-create has no option ${quoted(name)}`, help);
  }
  if (matches.length > 1) return usage(`The option ${quoted(name)} may be ${listOf(matches, 'or')}`, 'Write the whole name.');
  return FLAGS.find(({ flag }) => flag === only) ?? usage(PRINTS_ONLY);
}

function noElements(): Diagnostic {
  return usage(
    'The command line names no elements',
    'Give all arguments of disk-image-create after `--`, such as `dib import disk-image-create -- -o web vm debian-minimal`.',
  );
}

function usage(summary: string, help?: string): Diagnostic {
  return { code: 'DIB_IMPORT_USAGE', severity: 'error', summary, help };
}
