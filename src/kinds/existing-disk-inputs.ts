import type { JsonObject } from '../util/json.ts';
import type { Later, LocalLoopOutputs } from './disk-inputs.ts';
import type { Realisation } from './kind.ts';

/** Inputs of `disk.NAME`: a disk of this machine that is there already. */
export interface ExistingDiskInputs extends JsonObject {
  readonly name: string;
  /** As declared, such as /dev/disk/by-id/... */
  readonly path: string;
  /** Bytes. */
  readonly size: Later;
  readonly sectorSize: 512 | 4096;
  /** Absent where it has none, or it was not seen. */
  readonly serial?: string | undefined;
  readonly wwid?: string | undefined;
  readonly realisation: Realisation;
}

/** Outputs of `disk.NAME`: as of a disk file, and who it is. */
export interface ExistingDiskOutputs extends LocalLoopOutputs {
  /** What the path led to, such as /dev/sdb: another one after a boot, maybe. */
  readonly node: string;
  readonly model?: string | undefined;
  readonly serial?: string | undefined;
  readonly wwid?: string | undefined;
}
