import type { SourceRange } from '../../diagnostics/diagnostic.ts';
import { DibError } from '../../diagnostics/errors.ts';
import type { SourceText } from '../../diagnostics/source-text.ts';
import { createRunner } from '../../exec/run.ts';
import { type Finding, isShell, type LintFile } from './rule.ts';

/** One comment of `shellcheck --format=json1`; lines and columns count from 1, columns are characters. */
interface Comment {
  readonly file: string;
  readonly line: number;
  readonly endLine: number;
  readonly column: number;
  readonly endColumn: number;
  readonly level: 'error' | 'warning' | 'info' | 'style';
  readonly code: number;
  readonly message: string;
}

/** What shellcheck says, as findings of the rule `shellcheck`. */
export interface ShellcheckResult {
  readonly available: boolean;
  readonly findings: readonly (Finding & { readonly rule: 'shellcheck' })[];
}

/** Files for one process: a command line has an end. */
const AT_ONCE = 50;

/** shellcheck's status: 1 where it has found something, 2 where it could not read a file, which others tell. */
const OK = [0, 1, 2];

/** Runs shellcheck on the shell scripts and environment.d files. Its warnings and errors are what they are; its hints are warnings. */
export async function shellcheckFindings(files: readonly LintFile[]): Promise<ShellcheckResult> {
  const scripts = files.filter((file) => isShell(file) && file.source !== undefined);
  const sourced = scripts.filter(({ isEnvironment }) => isEnvironment);
  const run = scripts.filter(({ isEnvironment }) => !isEnvironment);
  const sources = new Map(scripts.map(({ absolute, source }) => [absolute, source]));
  try {
    // Two sorts, in two runs: what is sourced says nowhere which shell it is for.
    const comments = [...(await commentsOn(run, [])), ...(await commentsOn(sourced, ['--shell=bash']))];
    return { available: true, findings: comments.map((comment) => findingOf(comment, sources.get(comment.file))) };
  } catch (error) {
    if (error instanceof DibError && error.diagnostics.some(({ code }) => code === 'DIB_EXEC_NOT_FOUND'))
      return { available: false, findings: [] };
    throw error;
  }
}

async function commentsOn(files: readonly LintFile[], options: readonly string[]): Promise<Comment[]> {
  const comments: Comment[] = [];
  const runner = createRunner();
  for (let from = 0; from < files.length; from += AT_ONCE) {
    const some = files.slice(from, from + AT_ONCE).map(({ absolute }) => absolute);
    // SC1090 and SC1091: a file that is sourced is in another element, or in the image.
    const argv = ['shellcheck', '--format=json1', '--norc', '--exclude=SC1090,SC1091', ...options, '--', ...some];
    const { stdout } = await runner.run({ argv, okExitCodes: OK });
    comments.push(...(JSON.parse(stdout) as { comments: Comment[] }).comments);
  }
  return comments;
}

function findingOf(comment: Comment, source: SourceText | undefined): Finding & { readonly rule: 'shellcheck' } {
  const { code, message, level } = comment;
  return {
    rule: 'shellcheck',
    code: `DIB_LINT_SC${code}`,
    severity: level === 'error' || level === 'warning' ? level : 'warning',
    summary: message.trim().replace(/\s*\.$/u, ''),
    help: `See https://www.shellcheck.net/wiki/SC${code}; \`# shellcheck disable=SC${code}\` before the line turns it off.`,
    range: source === undefined ? undefined : rangeOf(comment, source),
  };
}

function rangeOf({ line, endLine, column, endColumn }: Comment, source: SourceText): SourceRange {
  const offset = (number: number, characters: number): number => {
    const units = [...source.line(number)].slice(0, characters - 1).join('').length;
    return (source.lineStarts[number - 1] ?? 0) + units;
  };
  return source.range(offset(line, column), offset(endLine, endColumn));
}
