import type { RecordedResource } from '../kinds/kind.ts';
import type { Facts, WorkerName } from '../plan/plan.ts';

/** What dib knows of the resources of one image. On disk: state.json, see format.ts. */
export interface State {
  /** UUID given when the state was born: states of one lineage are versions of each other. */
  readonly lineage: string;
  /** Raised by each change. */
  readonly serial: number;
  readonly dibVersion: string;
  readonly image: StateImage;
  readonly host: Host;
  /** Worker of the last apply: the files of one belong to other users than those of the other. */
  readonly worker: WorkerName | null;
  readonly facts: Facts;
  /** Sorted by address. */
  readonly resources: readonly RecordedResource[];
}

export interface StateImage {
  readonly file: string;
  readonly name: string;
  readonly sha256: string;
}

export interface Host {
  /** /etc/machine-id, or empty. */
  readonly machineId: string;
  /** /proc/sys/kernel/random/boot_id: attachments of an earlier boot are gone. */
  readonly bootId: string;
}

/** A state before anything was done. */
export function emptyState(lineage: string, dibVersion: string, image: StateImage, host: Host): State {
  return { lineage, serial: 0, dibVersion, image, host, worker: null, facts: {}, resources: [] };
}

export function findResource(state: State, address: string): RecordedResource | undefined {
  return state.resources.find((resource) => resource.address === address);
}
