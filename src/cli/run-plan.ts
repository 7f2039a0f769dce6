import { join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import type { Event, EventBody } from '../engine/events.ts';
import type { Job, JobOptions } from '../engine/job.ts';
import type { Paths } from '../kinds/kind.ts';
import type { Plan } from '../plan/plan.ts';
import type { StateLock } from '../state/lock.ts';
import type { ProgressView } from '../ui/progress.ts';
import { ask } from './ask.ts';
import { type GlobalOptions, printDiagnostics } from './command.ts';

/** Asks for `yes` on the terminal. Throws where nobody can answer (DIB_CLI_NOT_APPROVED) or the answer is another (DIB_CLI_CANCELLED). */
export async function approve(question: string, what: 'Apply' | 'Destroy'): Promise<void> {
  if (process.stdin.isTTY !== true) {
    fail(
      {
        code: 'DIB_CLI_NOT_APPROVED',
        summary: `${what} needs an answer, and standard input is no terminal`,
        detail: 'Nothing was changed.',
        help: `Look at the plan and give \`--auto-approve\`${what === 'Apply' ? ', or apply a plan saved with `dib plan --out`' : ''}.`,
      },
      ExitCode.Usage,
    );
  }
  const answer = await ask(`\n${question}\n  Only 'yes' is accepted.\n\n  Enter a value: `);
  if (answer !== 'yes') fail({ code: 'DIB_CLI_CANCELLED', summary: `${what} cancelled`, detail: 'Nothing was changed.' });
}

export interface RunRequest {
  readonly operation: Job['operation'];
  readonly plan: Plan;
  readonly paths: Paths;
  readonly lock: StateLock;
  /** Keys of LUKS containers that the run needs. */
  readonly keys?: ReadonlyMap<string, Uint8Array> | undefined;
  readonly jobOptions: JobOptions;
  readonly options: GlobalOptions;
  /** Progress is shown to people and problems are handed back, whatever the options say: the caller prints one JSON document. */
  readonly handBack?: boolean | undefined;
  /** How long the steps of a layer took. */
  readonly onProfile?: ((event: Event & { readonly type: 'apply_profile' }) => void) | undefined;
}

/** What a run told besides its progress. */
export interface RunOutcome {
  readonly exitCode: ExitCode;
  /** The line that sums the run up. */
  readonly summary?: string | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** Break points that were come to. */
  readonly reached: readonly string[];
}

/** Carries out a plan in its worker, shows the events as they come and the problems at the end. */
export async function runPlan(request: RunRequest): Promise<RunOutcome> {
  const { plan, handBack = false } = request;
  const options = handBack ? { ...request.options, json: false } : request.options;
  const [{ startWorker, withSignals }, view] = await Promise.all([import('../workers/worker.ts'), progressView(options)]);
  const reached: string[] = [];
  const diagnostics: Diagnostic[] = [];
  let summary: string | undefined;
  const { operation } = request;
  // A name of its own for each run: several may use one cache at once.
  const paths = { ...request.paths, scratch: join(request.paths.scratch, `${process.pid}-${Date.now()}`) };
  const worker = await startWorker({
    worker: plan.worker.name,
    job: { format_version: '1.0', operation, plan, paths, options: request.jobOptions },
    lockFd: request.lock.fd,
    keys: request.keys,
    onShell: async ({ point, title, argv }, enter) => {
      reached.push(point);
      view.pause();
      try {
        const { runShell } = await import('./break-shell.ts');
        await runShell(title, [...enter, ...argv], options);
      } finally {
        view.resume();
      }
    },
    onEvent: (event) => {
      if (event.type === 'apply_profile') request.onProfile?.(event);
      view.event(event);
      if (event.type === 'diagnostic') diagnostics.push(event.diagnostic);
      if (event.type === 'change_summary') summary = event['@message'];
    },
  });
  let exitCode: ExitCode;
  try {
    exitCode = await withSignals(
      worker,
      (message) => process.stderr.write(`\n${message}\n`),
      () => worker.done,
    );
  } finally {
    view.close();
  }
  if (options.json !== true && !handBack) await printDiagnostics(diagnostics, options);
  return { exitCode, summary, diagnostics, reached };
}

async function progressView(options: GlobalOptions): Promise<ProgressView> {
  if (options.json === true) return { event: printEvent, pause: () => {}, resume: () => {}, close: () => {} };
  const [{ liveProgress, plainProgress }, { colourFor }] = await Promise.all([
    import('../ui/progress.ts'),
    import('../ui/colour.ts'),
  ]);
  const colour = colourFor(process.stderr, options.color);
  return process.stderr.isTTY ? liveProgress(process.stderr, colour) : plainProgress(process.stderr, colour);
}

function printEvent(event: Event): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** An event of the front itself, for `--json`. */
export function sayEvent(options: GlobalOptions, body: EventBody, message: string, level: Event['@level'] = 'info'): void {
  if (options.json === true)
    printEvent({ '@timestamp': new Date().toISOString(), '@level': level, '@message': message, ...body });
}

/** Failures before a worker runs, as events: a reader of `--json` gets one object a line, whatever happens. */
export async function asEvents(options: GlobalOptions, body: () => Promise<ExitCode>): Promise<ExitCode> {
  if (options.json !== true) return await body();
  try {
    return await body();
  } catch (error) {
    const [{ diagnosticsOf, exitCodeOf }] = await Promise.all([import('../engine/report.ts')]);
    for (const diagnostic of diagnosticsOf(error))
      sayEvent(options, { type: 'diagnostic', diagnostic }, diagnostic.summary, 'error');
    return exitCodeOf([error]);
  }
}
