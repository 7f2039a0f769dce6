import type { DeviceIdentity } from '../blockdev/device-facts.ts';
import type { ImageConfig } from '../config/image.ts';
import type { Command } from '../exec/command.ts';
import type { KeyDocument, Realisation, Requirement } from '../kinds/kind.ts';
import type { KnownSources } from '../kinds/source-graph.ts';
import type { Json, JsonObject } from '../util/json.ts';

/** In Terraform's words: one or two verbs, so that policies can look for `delete`. */
export type Actions =
  | readonly ['no-op']
  | readonly ['create']
  | readonly ['update']
  | readonly ['delete', 'create']
  | readonly ['delete']
  | readonly ['forget'];

export type ActionReason =
  | 'create_because_new'
  | 'create_because_missing'
  | 'replace_because_inputs_changed'
  | 'replace_because_dependency_replaced'
  | 'replace_because_interrupted'
  | 'replace_because_drifted'
  | 'replace_by_request'
  | 'no_op_because_unchanged'
  | 'no_op_because_not_needed'
  | 'reuse_because_cached'
  | 'delete_because_no_resource_config'
  | 'delete_because_destroy'
  | 'drift_because_missing'
  | 'drift_because_changed'
  | 'drift_because_detached'
  | 'drift_because_held';

/** A command as a plan shows it: without bytes on standard input, which may be a key. */
export type PlannedCommand = Omit<Command, 'input'> & { readonly input?: string | undefined };

/** What a plan does to one resource. The shape is Terraform's `resource_changes[]`, with `name`, `depends_on`, `commands`, `requires` and texts added. */
export interface ResourceChange {
  readonly address: string;
  readonly kind: string;
  readonly name: string;
  readonly description: string;
  readonly change: {
    readonly actions: Actions;
    readonly before: JsonObject | null;
    readonly after: JsonObject | null;
  };
  readonly action_reason: ActionReason;
  /** The reason in words: `size 4GiB -> 6GiB`. */
  readonly reason: string;
  readonly depends_on: readonly string[];
  readonly commands: readonly PlannedCommand[];
  readonly requires: readonly Requirement[];
  /** Absent while it depends on what is only known after apply. */
  readonly key?: string | undefined;
  readonly key_document?: KeyDocument | undefined;
}

/** `vm`: the worker of `host` or `userns`, with block devices attached in a virtual machine. */
export type WorkerName = 'host' | 'userns' | 'vm';

export interface WorkerChoice {
  readonly name: WorkerName;
  /** Of `vm`: what runs it. */
  readonly machine?: 'uml' | 'qemu' | undefined;
  readonly reason: string;
  /** How each disk is made, by local_loop address. */
  readonly realisation: Readonly<Record<string, { readonly name: Realisation; readonly reason: string }>>;
}

/** Facts that are found while applying and make the rest computable; carried from run to run by the state. */
export interface Facts extends JsonObject {
  /** Digest of the base's inputs without the mirror's, which mirrorDigest and epoch belong to: those of another base say nothing. */
  readonly base?: string | undefined;
  /** SHA-256 over the mirror's signed InRelease files that the base was built from. */
  readonly mirrorDigest?: string | undefined;
  /** Seconds since 1970: the newest date of those InRelease files. No time stamp in the image is later. */
  readonly epoch?: number | undefined;
  /** Bytes and inodes that each mounted file system's part of the tree needs, by mount point; and the tree they were measured on. */
  readonly usage?: TreeUsage | undefined;
  /** Fingerprints of the keys of LUKS containers, by name of the container. */
  readonly luksKeys?: { readonly [name: string]: string } | undefined;
  /** What was found at sources whose declaration does not say it, by name. */
  readonly sources?: KnownSources | undefined;
  /** Who the existing disks are, by name, as they were last seen. */
  readonly devices?: { readonly [disk: string]: DeviceIdentity } | undefined;
}

export interface TreeUsage extends JsonObject {
  /** Key of the layer that was measured. */
  readonly layer: string;
  readonly mounts: { readonly [mountPoint: string]: { readonly bytes: number; readonly inodes: number } };
}

/** Something of the running kernel that stands on the image's files and has to go. */
export interface TeardownStep {
  readonly what: 'mount' | 'swap' | 'lvm' | 'luks' | 'dm' | 'md' | 'loop' | 'other';
  /** Mount point, or path of the device. */
  readonly name: string;
  /** About it: `ext4 of /dev/loop3`. */
  readonly detail: string;
  /** The command that stops it. */
  readonly action: string;
  /** Whether the state knows of it. */
  readonly known: boolean;
}

/** A disk, volume group or thin pool of the plan, for the drawing. */
export interface PlannedDisk {
  readonly address: string;
  /** Bytes, or absent while unknown. */
  readonly size?: number | undefined;
  readonly label: string;
  /** Of disks. */
  readonly sectorSize?: number | undefined;
  readonly segments: readonly {
    readonly name: string;
    readonly start?: number | undefined;
    readonly length?: number | undefined;
    readonly what: string;
  }[];
  /** Of an existing disk: who it is, and what it holds now. */
  readonly device?: ExistingDiskNote | undefined;
}

/** An existing disk as it was when the plan was made. All but `path` is absent when it was not on this machine. */
export interface ExistingDiskNote {
  /** As declared. */
  readonly path: string;
  readonly present: boolean;
  readonly node?: string | undefined;
  readonly model?: string | undefined;
  readonly serial?: string | undefined;
  readonly wwid?: string | undefined;
  /** In words. */
  readonly holds?: string | undefined;
  /** What it holds was made from this state. */
  readonly ours?: boolean | undefined;
  /** What it holds goes, and apply asks for the name of the disk. */
  readonly lost?: boolean | undefined;
}

/** An element of a foreign tree that an element of dib stands in for. */
export interface ReplacedElement {
  readonly name: string;
  /** Absolute path of the one that does not run. */
  readonly directory: string;
}

export interface Plan {
  readonly format_version: '1.0';
  readonly dib_version: string;
  /** `refresh-only`: records what changed outside of dib and touches nothing. */
  readonly mode: 'apply' | 'destroy' | 'refresh-only';
  readonly image: { readonly file: string; readonly name: string; readonly sha256: string };
  /** Present in mode apply: what the worker expands again once facts are known. */
  readonly configuration?: ImageConfig | undefined;
  /** Names of the caller's variables that count as configuration: another shell may plan something else. */
  readonly environment_variables: readonly string[];
  /** Elements of `elements_path` in whose place dib's own run; absent when there is none. */
  readonly replaced_elements?: readonly ReplacedElement[] | undefined;
  readonly worker: WorkerChoice;
  readonly facts: Facts;
  readonly resource_changes: readonly ResourceChange[];
  /**
   * What changed outside of dib since it was recorded; absent when nothing did. `before` is what the state has: outputs, attachment, stamp; `after`
   * the same as it is, or null.
   */
  readonly resource_drift?: readonly ResourceChange[] | undefined;
  /** What keeps the image's files in use and is stopped first, deepest first; absent when there is nothing. */
  readonly teardown?: readonly TeardownStep[] | undefined;
  readonly disks: readonly PlannedDisk[];
  readonly summary: { readonly add: number; readonly change: number; readonly destroy: number };
  /** What a saved plan is bound to; each difference makes it stale. */
  readonly bound_to: {
    readonly configuration_sha256: string;
    readonly elements_sha256: string;
    readonly lineage: string;
    readonly serial: number;
  };
  readonly options: { readonly [name: string]: Json };
  readonly warnings: readonly string[];
}
