import { type Command, Option } from 'commander';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import type { Realisation } from '../kinds/kind.ts';
import type { PlanOptions } from '../plan/make-plan.ts';
import type { WorkerName } from '../plan/plan.ts';
import { collect } from './command.ts';

/** Options of plan, and of apply when it plans. */
export interface PlanFlags {
  readonly worker?: WorkerName;
  readonly machine?: 'uml' | 'qemu';
  readonly realisation?: Realisation;
  readonly replace?: readonly string[];
  readonly target?: readonly string[];
  readonly upgrade?: boolean;
  readonly refresh?: 'true' | 'false';
  readonly refreshOnly?: boolean;
  readonly stateDir?: string;
}

/** Adds the options that decide what a plan does. */
export function addPlanOptions(command: Command): Command {
  return command
    .addOption(new Option('--worker <worker>', 'run in this worker').choices(['host', 'userns', 'vm']))
    .addOption(new Option('--machine <machine>', 'run the virtual machine of the worker vm with this').choices(['uml', 'qemu']))
    .addOption(new Option('--realisation <realisation>', 'make disks in this way').choices(['offline', 'attached']))
    .option('--replace <address>', 'make this resource anew (repeatable)', collect)
    .option('--target <address>', 'only this resource and what it needs (repeatable)', collect)
    .addOption(
      new Option('--refresh <look>', 'look whether all that is recorded is still there and as it was').choices(['true', 'false']),
    )
    .option('--refresh-only', 'only show, and record, what changed outside of dib; change nothing else')
    .option('--upgrade', 'look at the mirror and at the refs of sources again, and build from what is newest there')
    .option('--state-dir <dir>', 'directory of the state (default: .dib beside image.yaml)');
}

export function planOptions(flags: PlanFlags): PlanOptions {
  return {
    worker: flags.worker,
    machine: flags.machine,
    realisation: flags.realisation,
    replace: flags.replace ?? [],
    target: flags.target ?? [],
    upgrade: flags.upgrade ?? false,
    refresh: flags.refresh !== 'false',
  };
}

/** Throws DIB_CLI_USAGE for options that contradict each other. */
export function refuseContradictions(flags: PlanFlags): void {
  if (flags.machine !== undefined && flags.worker !== undefined && flags.worker !== 'vm') {
    contradiction(`--machine ${flags.machine}`, `--worker ${flags.worker}`, 'Only the worker `vm` has a virtual machine.');
  }
  if (flags.refreshOnly !== true) return;
  const other = (['replace', 'target', 'upgrade', 'worker', 'machine', 'realisation'] as const).find(
    (name) => flags[name] !== undefined,
  );
  if (other !== undefined) contradiction('--refresh-only', `--${other}`, 'A run that only refreshes makes nothing.');
  if (flags.refresh === 'false') contradiction('--refresh-only', '--refresh=false', 'dib would have nothing to do.');
}

function contradiction(one: string, other: string, detail: string): never {
  const summary = `\`${one}\` cannot be given with \`${other}\``;
  return fail({ code: 'DIB_CLI_USAGE', summary, detail, help: 'Leave out one of the two.' }, ExitCode.Usage);
}
