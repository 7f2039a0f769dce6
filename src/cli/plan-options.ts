import { type Command, Option } from 'commander';
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
    .option('--upgrade', 'look at the mirror again and build from its newest packages')
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
  };
}
