import type { Diagnostic, SourceRange } from '../diagnostics/diagnostic.ts';
import type { Command, Runner } from '../exec/command.ts';
import type { ActionMachine } from '../exec/machine.ts';
import type { TimedStep } from '../rootfs/hook-profile.ts';
import type { ShellRequest } from '../rootfs/phases.ts';
import type { Json, JsonObject } from '../util/json.ts';

/** Something that the place where an action runs must offer. */
export type Requirement =
  /** Root in the initial user namespace. */
  | { readonly need: 'root'; readonly why: string }
  /** Loop devices (/dev/loop-control). */
  | { readonly need: 'loop'; readonly why: string }
  /** A driver of the kernel by its name below /sys/module or in modules.builtin: `dm_mod`, `dm_thin_pool`, `dm_crypt`, `raid1`, ... */
  | { readonly need: 'kernel'; readonly name: string; readonly why: string }
  /** A mountable file system driver of the running kernel. */
  | { readonly need: 'filesystem'; readonly name: string; readonly why: string }
  /** A program on PATH and the Debian package that has it. */
  | { readonly need: 'tool'; readonly name: string; readonly package: string; readonly why: string };

/** `offline`: bytes in files only. `attached`: loop devices and mounts. */
export type Realisation = 'offline' | 'attached';

/**
 * One node of the graph. Everything in it is plain JSON and deterministic.
 * A member of `inputs` that is only known while applying is the string UNKNOWN.
 */
export interface Resource {
  /** `kind.name`. */
  readonly address: string;
  readonly kind: string;
  readonly name: string;
  /** All that the result depends on besides its dependencies; hashed into its key. */
  readonly inputs: JsonObject;
  /** Addresses of the resources that must be there first. */
  readonly dependsOn: readonly string[];
  /** One line for people: `ext4 "root" on partition.root, filled from layer.finalise`. */
  readonly description: string;
  readonly source?: SourceRange | undefined;
}

/** Stands for a value that is only known after apply. */
export const UNKNOWN = '(known after apply)';

/** Whether a value holds, at any depth, something that is only known after apply. */
export function holdsUnknown(value: Json | undefined): boolean {
  if (value === UNKNOWN) return true;
  if (value === null || typeof value !== 'object') return false;
  return Object.values(value as JsonObject).some((member) => holdsUnknown(member));
}

/** What the host shows of a recorded resource. */
export type Presence =
  | { readonly state: 'present' }
  /** `reason`: what is gone, as a clause; absent where the address says it all. */
  | { readonly state: 'absent'; readonly reason?: string | undefined }
  /**
   * It is there and is not what was recorded. `found`: the outputs and the stamp that differ, as they are, so that they can be recorded in its place
   * (`plan --refresh-only`); absent where it is no longer that resource at all.
   */
  | { readonly state: 'drifted'; readonly reason: string; readonly found?: Found | undefined };

export interface Found {
  readonly outputs?: JsonObject | undefined;
  readonly stamp?: JsonObject | undefined;
}

/** What creating a resource gave: readable by dependents, kept in the state. Never holds secrets. */
export type Outputs = JsonObject;

/** Directories that actions use; all absolute. */
export interface Paths {
  /** Directory of image.yaml: output paths are relative to it. */
  readonly image: string;
  /** `.dib`: state, logs, work files. */
  readonly state: string;
  /** Disk files and other large intermediate results. */
  readonly work: string;
  /** The shared cache of layers. */
  readonly cache: string;
  /** A directory of this run, on the same file system as the cache; removed at its end. */
  readonly scratch: string;
}

/** What an action is given. */
export interface ActionContext extends Runner {
  readonly address: string;
  readonly paths: Paths;
  readonly signal: AbortSignal;
  /** The resource's key; undefined where an input is only known once the resource is made. */
  readonly key?: string | undefined;
  /** Of a kind with `inPlace`: the record that this one replaces, so that what is not overwritten can be removed. */
  readonly previous?: RecordedResource | undefined;
  /** The user wants it made again although it could be reused. */
  readonly renew?: boolean | undefined;
  /** Attach for looking only: nothing may be written to the disk files. */
  readonly readOnly?: boolean | undefined;
  /** Absolute path of the action's log. */
  readonly logFile?: string | undefined;
  /** Outputs of a dependency, direct or not. Throws if it has none: that is a bug in the graph. */
  outputs(address: string): Outputs;
  /** What attaching a dependency gave, such as its device node. */
  attachment(address: string): Outputs;
  /** Where block devices are attached: this machine's kernel or a virtual machine's, which is booted at first use. */
  machine(): Promise<ActionMachine>;
  /** A line for the user, below the action's name. */
  progress(message: string): void;
  /** Appends to the action's log. */
  log(text: string): void;
  /** Something that the user should know and that ends nothing. */
  warn(diagnostic: Diagnostic): void;
  /** How long the steps of the action took. */
  profile(steps: readonly TimedStep[]): void;
  /** Gives the user a shell on their terminal, in the namespaces of the worker; resolves when it has ended. */
  openShell(request: ShellRequest): Promise<void>;
  /**
   * Records what identifies an object about to be made (a backing file, a mount point), before it is made, so that after a crash it is found again.
   */
  intend(marker: JsonObject): Promise<void>;
}

/** What a kind of resource is: one module per kind, all listed in kinds/registry.ts. */
export interface Kind {
  readonly kind: string;
  /** The result lives in the cache under its key, shared by all images: it is reused rather than replaced, and made only when something needs it. */
  readonly cached?: boolean;
  /** create replaces an earlier result by itself, so that the old one is there until the new one is whole; destroy is not called first. */
  readonly inPlace?: boolean;
  /** create may take long and can be stopped in the middle: ^C ends it after a grace, other actions finish. */
  readonly interruptible?: boolean;
  /** Pools limit how many actions of a sort run at once; default `cpu`. */
  readonly pool?: 'cpu' | 'io' | 'net';
  /** What the place of execution must offer. */
  requires(inputs: JsonObject): readonly Requirement[];
  /** The commands that create will run, for the plan; `<...>` stands for what is not known yet. */
  commands(inputs: JsonObject): readonly Command[];
  /** Checks a recorded resource against the host; reads only, needs no root and no tools. `records`: the other records, by address. */
  probe(recorded: RecordedResource, paths: Paths, records?: Records): Promise<Presence>;
  /**
   * In place of probe where the machine went down while the resource was attached: tells what attaching had changed in it and detaching would have
   * undone. Absent where attaching changes nothing that outlives the machine.
   */
  probeLost?(recorded: RecordedResource): Promise<Presence>;
  /**
   * Takes an existing object in place of making one: what would be recorded of it. `id`: what the user calls it by, an absolute path. Where it differs
   * from the inputs that are wanted, so do the inputs that it gives: the next plan compares them. Throws DibError when it cannot be that resource.
   */
  adopt?(inputs: JsonObject, id: string, paths: Paths): Promise<Adopted>;
  /** Once all that was to be made on it is made and nothing is attached: what tells later whether somebody touched it since. */
  stamp?(recorded: RecordedResource): Promise<JsonObject | undefined>;
  /** Makes the resource. Must succeed too where an interrupted create left half of it. */
  create(inputs: JsonObject, context: ActionContext): Promise<Outputs>;
  /** Removes what create made, from the record alone. Must succeed where it is already gone. */
  destroy(recorded: RecordedResource, context: ActionContext): Promise<void>;
  /** Removes what an interrupted create left beside an earlier result that stays. */
  tidy?(recorded: RecordedResource, paths: Paths): Promise<void>;
  /** Makes a created resource usable by others (loop device, mount). Absent where there is nothing to attach. */
  attach?(recorded: RecordedResource, context: ActionContext): Promise<Outputs>;
  /** Undoes attach, also when attach was interrupted and only the marker of intend is known. */
  detach?(recorded: RecordedResource, context: ActionContext): Promise<void>;
  /**
   * Called before each creation of a resource that depends on this one, directly or not: throws when that must not be written to any more (an existing
   * disk that somebody else uses). Gives what releases it afterwards.
   */
  guard?(recorded: RecordedResource, context: ActionContext): Promise<() => void>;
  /** create leaves it attached, whether it succeeds or not: detach is called at its end, and after a crash in the middle, with the marker of intend. */
  readonly attachesWhileCreating?: boolean;
  /** Whether creating this resource needs its dependencies attached. */
  needsAttached?(inputs: JsonObject): boolean;
  /** Whether creating this resource needs its dependencies, direct or not, to be detached: it reads or writes the disk file itself. */
  needsDetached?(inputs: JsonObject): boolean;
}

/** An existing object as the state would have it. */
export interface Adopted {
  readonly inputs: JsonObject;
  readonly outputs: Outputs;
}

/** The record of a resource, or undefined where there is none. */
export type Records = (address: string) => RecordedResource | undefined;

/** A resource as the state knows it. */
export interface RecordedResource {
  readonly address: string;
  readonly kind: string;
  readonly name: string;
  /** `creating` and `destroying` are intents: the process ended in the middle if no worker runs. `tainted`: create failed half-way. */
  readonly status: 'creating' | 'created' | 'tainted' | 'destroying';
  readonly inputs: JsonObject;
  readonly outputs: Outputs;
  /** SHA-256 of keyDocument. */
  readonly key: string;
  /** All that the key is made of, to explain a change. */
  readonly keyDocument: KeyDocument;
  readonly dependsOn: readonly string[];
  /** Set by intend while a create or attach is under way. */
  readonly marker?: JsonObject | undefined;
  readonly attachment?: Attachment | undefined;
  /** What Kind.stamp gave at the end of the last complete run; absent while one is under way or failed. */
  readonly stamp?: JsonObject | undefined;
}

export interface Attachment {
  readonly status: 'attaching' | 'attached' | 'detaching';
  /** /proc/sys/kernel/random/boot_id at the time: an attachment of an earlier boot is gone. */
  readonly bootId: string;
  /** Nothing can be written through it. */
  readonly readOnly?: boolean | undefined;
  readonly marker?: JsonObject | undefined;
  readonly outputs: Outputs;
}

export interface KeyDocument extends JsonObject {
  readonly kind: string;
  readonly inputs: JsonObject;
  /** Key of each dependency by address. */
  readonly dependencies: { readonly [address: string]: string };
}
