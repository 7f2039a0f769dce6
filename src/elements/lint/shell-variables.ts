import { isShell, type Line, type LintFile, linesOf } from './rule.ts';

/** A place where a script reads a variable of dib. */
export interface VariableRead {
  readonly name: string;
  readonly file: LintFile;
  readonly line: Line;
  /** Column of the name, from 0. */
  readonly at: number;
  /** What stands for it when it is not set: the word of `${NAME:-word}`. */
  readonly fallback?: string | undefined;
}

const IN_SHELL = /\$\{?#?!?(DIB_[A-Z0-9_]*[A-Z0-9])\b(?::?[-=]((?:[^{}]|\$\{[^{}]*\})*)\})?|-v\s+(DIB_[A-Z0-9_]*[A-Z0-9])\b/gu;
const IN_PYTHON = /(?:environ(?:\.get)?|getenv)\s*[[(]\s*['"](DIB_[A-Z0-9_]*[A-Z0-9])['"]/gu;

/** Every place in the scripts of an element, tests aside, that reads a `DIB_` variable which the same file does not only set. */
export function variableReads(files: readonly LintFile[]): VariableRead[] {
  return files.filter(({ path }) => !/^(tests|test-elements)\//u.test(path)).flatMap(readsOf);
}

function readsOf(file: LintFile): VariableRead[] {
  const { source } = file;
  if (source === undefined) return [];
  const python = file.language === 'python' || file.path.endsWith('.py');
  if (!python && !isShell(file)) return [];
  const lines = linesOf(source);
  const own = python ? new Set<string>() : onlySet(source.text);
  const pattern = python ? IN_PYTHON : IN_SHELL;
  return lines
    .filter(({ text }) => !/^\s*#/u.test(text))
    .flatMap((line) =>
      [...line.text.matchAll(pattern)].flatMap((match): VariableRead[] => {
        const name = match[1] ?? match[3];
        if (name === undefined || own.has(name)) return [];
        return [{ name, file, line, at: match.index + match[0].indexOf(name), fallback: match[2] }];
      }),
    );
}

/** Variables that a script gives a value of its own before anything else. */
function onlySet(text: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, name = '', value = ''] of text.matchAll(
    /^\s*(?:(?:export|local|declare|readonly)\s+(?:-\w+\s+)*)?(DIB_\w+)=(.*)$/gmu,
  )) {
    if (!new RegExp(`\\$\\{?${name}\\b`, 'u').test(value)) names.add(name);
  }
  for (const [, name = ''] of text.matchAll(/\b(?:for|read(?:\s+-\w+)*)\s+(DIB_\w+)\b/gu)) names.add(name);
  return names;
}
