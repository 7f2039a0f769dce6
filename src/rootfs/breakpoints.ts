import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { suggestion } from '../diagnostics/suggest.ts';
import { PHASES, type Phase } from '../elements/element.ts';

/** Where a build stops for the user to look around: diskimage-builder's `break`, `break_cmd` and `break_outside_target`. */
export interface BreakOptions {
  /** `before-PHASE`, `after-PHASE`, with `/HOOK` for a single hook, and `after-error`. */
  readonly points: readonly string[];
  /** What bash runs in place of a shell that is typed into: the user's own words, with everything that a command line may have. */
  readonly command?: string | undefined;
  /** On the builder, with TARGET_ROOT set, also where hooks run inside the image. */
  readonly outside: boolean;
  /** Type of the user's terminal. */
  readonly term?: string | undefined;
}

export const AFTER_ERROR = 'after-error';

/**
 * Reads break points from the command line and the environment; undefined: there are none.
 * Throws DIB_BREAK_UNKNOWN for a name that is none.
 */
export function readBreaks(given: readonly string[], environment: NodeJS.ProcessEnv): BreakOptions | undefined {
  const names = [...given, environment['break'] ?? ''].flatMap((text) => text.split(',')).map((name) => name.trim());
  const points = [...new Set(names.filter((name) => name !== '').map(withSuffix))];
  if (points.length === 0) return undefined;
  for (const point of points) check(point);
  const command = (environment['break_cmd'] ?? '').trim();
  return {
    points,
    command: command === '' ? undefined : command,
    outside: (environment['break_outside_target'] ?? '') !== '',
    term: environment['TERM'],
  };
}

/** diskimage-builder's names of phases have no `.d` here: `before-install` is `before-install.d`. */
function withSuffix(point: string): string {
  return point.replace(/^((?:before|after)-)([^/]+)/, (whole, when: string, phase: string) =>
    PHASES.some((name) => name === `${phase}.d`) ? `${when}${phase}.d` : whole,
  );
}

/** The phase that a break point is at; undefined for `after-error`. */
export function phaseOfBreak(point: string): Phase | undefined {
  const name = /^(?:before|after)-([^/]+)/.exec(point)?.[1];
  return PHASES.find((phase) => phase === name);
}

function check(point: string): void {
  if (point === AFTER_ERROR || phaseOfBreak(point) !== undefined) return;
  const known = [AFTER_ERROR, ...PHASES.flatMap((phase) => [`before-${phase}`, `after-${phase}`])];
  fail(
    {
      code: 'DIB_BREAK_UNKNOWN',
      summary: `There is no place ${quoted(point)} to break at`,
      detail: 'A place is before-PHASE, after-PHASE, the same with /HOOK for a single hook, or after-error.',
      help: suggestion(point, known, 'Places are') ?? `Phases are ${PHASES.join(', ')}.`,
    },
    ExitCode.Usage,
  );
}
