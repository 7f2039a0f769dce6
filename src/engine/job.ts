import type { DevicePermit } from '../kinds/device-guard.ts';
import type { Kind, Outputs, Paths, Resource } from '../kinds/kind.ts';
import type { SecretKeys } from '../kinds/secret-keys.ts';
import type { Facts, Plan } from '../plan/plan.ts';
import type { BreakOptions } from '../rootfs/breakpoints.ts';
import type { Host } from '../state/state.ts';
import type { AttachOptions } from './attach.ts';

/**
 * What the front hands to a worker, as a JSON file of mode 0600.
 * `apply` and `destroy` carry out the plan; `attach` attaches everything that is recorded and leaves it; `detach` undoes that.
 */
export interface Job {
  readonly format_version: '1.0';
  readonly operation: 'apply' | 'destroy' | 'attach' | 'detach';
  readonly plan: Plan;
  readonly paths: Paths;
  readonly options: JobOptions;
}

export interface JobOptions {
  /** How many actions run at once. */
  readonly parallelism: number;
  /** Leave attached what a failed run attached. */
  readonly keepOnFailure: boolean;
  /** Of `attach`; default: read-only, with mounts. */
  readonly attach?: AttachOptions | undefined;
  /** Of `detach`: stop whatever else stands on the disk files, recorded or not. */
  readonly stopAll?: boolean | undefined;
  /** Milliseconds that interruptible actions may go on after the first interrupt; default 2000. */
  readonly grace?: number | undefined;
  /** Milliseconds that one hook may take; absent: any time. */
  readonly hookTimeout?: number | undefined;
  /** Where the user wants to look around. */
  readonly breaks?: BreakOptions | undefined;
  /** Disks of this machine that the run may write to. */
  readonly permits?: readonly DevicePermit[] | undefined;
}

/** What the engine needs to know of the image; made in the worker from the job. */
export interface Runtime {
  readonly kinds: ReadonlyMap<string, Kind>;
  /** The resource as the configuration, expanded with these facts, has it. Pure. Undefined: it is no part of it. */
  resolve(address: string, facts: Facts): Resource | undefined;
  /** Facts that a resource's outputs hold. */
  factsFrom(resource: Resource, outputs: Outputs): Facts | undefined;
  /** Removes what dead builds left in the cache. */
  collect?(): Promise<void>;
  close(): Promise<void>;
}

/** `keys`: what the front sends, if the job needs keys. */
export type RuntimeBuilder = (job: Job, host: Host, keys: SecretKeys) => Promise<Runtime>;
