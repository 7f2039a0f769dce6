import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { parseDuration } from './command.ts';

/** Two hours: no hook that does its work takes so long, and a hanging one ends before the night is over. */
const DEFAULT = 2 * 3600 * 1000;

/** More does not fit a timer of JavaScript. */
const LONGEST = 24 * 24 * 3600 * 1000;

/** Milliseconds that a hook may take: of the option, else DIB_HOOK_TIMEOUT, else two hours; undefined for 0, any time. */
export function hookTimeout(option: number | undefined, environment: NodeJS.ProcessEnv = process.env): number | undefined {
  const chosen = environment['DIB_HOOK_TIMEOUT'] ?? '';
  const time = option ?? (chosen === '' ? DEFAULT : fromVariable(chosen));
  return time === 0 ? undefined : Math.min(time, LONGEST);
}

function fromVariable(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    return fail(
      {
        code: 'DIB_HOOK_TIMEOUT_SYNTAX',
        summary: `\`DIB_HOOK_TIMEOUT\` is ${quoted(text)}, which is no time`,
        help: 'Write seconds, or a number with s, m or h, such as `90m`; 0 for any time.',
      },
      ExitCode.Usage,
    );
  }
}
