import { fileURLToPath } from 'node:url';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { Phase } from '../elements/element.ts';
import { runInteractive } from '../exec/interactive.ts';
import { AFTER_ERROR, type BreakOptions, phaseOfBreak, readBreaks } from '../rootfs/breakpoints.ts';
import type { GlobalOptions } from './command.ts';

/**
 * Where the user wants to look around: of `--break` and diskimage-builder's variables. Throws DIB_BREAK_UNKNOWN, and
 * DIB_BREAK_NO_TERMINAL where there is nobody to use a shell.
 */
export function wantedBreaks(given: readonly string[]): BreakOptions | undefined {
  const breaks = readBreaks(given, process.env);
  if (breaks === undefined || breaks.command !== undefined || process.stdin.isTTY === true) return breaks;
  return fail(
    {
      code: 'DIB_BREAK_NO_TERMINAL',
      summary: `${quoted(breaks.points.join(','))} opens a shell, and standard input is no terminal`,
      detail: 'Nobody could use it. Nothing was changed.',
      help: 'Run dib on a terminal, or set `break_cmd` to a command line that bash runs in its place, or leave the break point out (`--break`, variable `break`).',
    },
    ExitCode.Usage,
  );
}

/** What makes the program that follows the foreground job of the terminal; nothing where there is none. */
export function terminalJob(): readonly string[] {
  return process.stdin.isTTY === true ? [fileURLToPath(new URL('../../libexec/dib-terminal', import.meta.url))] : [];
}

/** Runs a shell of the user's to its end, whatever its exit status. */
export async function runShell(title: string, argv: readonly string[], options: GlobalOptions): Promise<void> {
  process.stderr.write(`\n${title}\n`);
  await runInteractive([...terminalJob(), ...argv], { stdoutToStderr: options.json === true });
}

/** The layer that runs a phase, or its first part. */
const LAYERS: Readonly<Record<Phase, string>> = {
  'root.d': 'layer.root',
  'extra-data.d': 'layer.pre-install',
  'pre-install.d': 'layer.pre-install',
  'install.d': 'layer.install',
  'post-install.d': 'layer.post-install',
  'post-root.d': 'layer.post-install',
  'pre-finalise.d': 'layer.finalise',
  'finalise.d': 'layer.finalise',
  'cleanup.d': 'layer.finalise',
};

/** Break points that a run did not come to, and why that may be. */
export function notReached(breaks: BreakOptions | undefined, reached: readonly string[]): readonly Diagnostic[] {
  const missed = (breaks?.points ?? []).filter((point) => point !== AFTER_ERROR && !reached.includes(point));
  return missed.map((point) => {
    const phase = phaseOfBreak(point) as Phase;
    return {
      code: 'DIB_BREAK_NOT_REACHED',
      severity: 'warning',
      summary: `The build did not come to ${quoted(point)}`,
      detail: `Either no element has such a hook, or the layer was taken from the cache, or something failed before.`,
      help: `\`dib apply --replace ${LAYERS[phase]}\` makes the layer anew.`,
    };
  });
}
