import type { JsonObject } from '../util/json.ts';

/** A finished layer, as recorded in the outputs of a `layer` resource. */
export interface LayerOutputs extends JsonObject {
  /** Content addresses (32 hex digits) from the lowest layer to this one: what to stack to see the tree. */
  readonly layers: readonly string[];
  /** Bytes that this layer alone takes. */
  readonly size: number;
  /** Only of layer.bootstrap: SHA-256 over the InRelease files used. */
  readonly mirrorDigest?: string | undefined;
  /** Only of layer.bootstrap: seconds since 1970, the newest date of those files. */
  readonly epoch?: number | undefined;
  /** Only of layer.finalise: what each file system has to hold, by mount point. */
  readonly usage?: { readonly [mountPoint: string]: MountUsage } | undefined;
}

/** What a part of the tree takes in a file system. */
export interface MountUsage extends JsonObject {
  /** Bytes of content in whole blocks of 4096, directories included. */
  readonly bytes: number;
  readonly inodes: number;
}

/** Shows a stack of layers as one tree. Overlay where the kernel allows, copies elsewhere. */
export interface TreeMounter {
  /** Mounts the stack read-only below `scratch` and returns its path; the same stack is mounted once. */
  mountTree(layers: readonly string[]): Promise<string>;
  /** Unmounts everything that this mounter mounted. */
  close(): Promise<void>;
}
