import { readVolumeGroup } from '../blockdev/lvm-text.ts';
import type { JsonObject } from '../util/json.ts';
import { statOrUndefined } from './disk-file.ts';
import type { FileExtent, VgsInputs } from './disk-inputs.ts';
import { clearRecordedExtents, readFromExtents } from './extents.ts';
import type { Kind, Presence, RecordedResource } from './kind.ts';
import { isSealed } from './luks-file.ts';
import { writeGroup } from './vgs-file.ts';

/** Outputs of `vgs.NAME`. */
export interface VgsOutputs extends JsonObject {
  readonly name: string;
  /** LVM's 32 characters without dashes. */
  readonly id: string;
  /** Bytes. */
  readonly extentSize: number;
  /** Where label and metadata of each physical volume lie, as far as that is in files. */
  readonly areas: readonly (readonly FileExtent[])[];
}

/** A volume group. Offline, its metadata with all volumes, written as bytes. */
export const vgs: Kind = {
  kind: 'vgs',
  requires: () => [{ need: 'tool', name: 'fallocate', package: 'util-linux', why: 'clears parts of the disk file' }],
  // The bytes are written by dib itself; there is no command to show.
  commands: () => [],
  needsDetached: () => true,
  probe: (recorded) => probeGroup(recorded),

  async create(inputs, context): Promise<VgsOutputs> {
    const group = inputs as VgsInputs;
    const { name, id, extentSize } = group;
    return { name, id, extentSize, areas: await writeGroup(group, context) };
  },

  async destroy(recorded, context) {
    const { areas } = recorded.outputs as Partial<VgsOutputs>;
    for (const area of areas ?? []) await clearRecordedExtents(context, area);
  },
};

async function probeGroup(recorded: RecordedResource): Promise<Presence> {
  const { name, id, areas } = recorded.outputs as VgsOutputs;
  for (const area of areas) {
    if (await isSealed(area)) continue;
    for (const { file } of area) if ((await statOrUndefined(file)) === undefined) return { state: 'absent' };
    const where = area[0]?.file ?? '';
    const found = await readVolumeGroup((offset, length) => readFromExtents(area, offset, length));
    if (found === undefined) return { state: 'drifted', reason: `there is no volume group in ${where} any more` };
    if (found.id.replaceAll('-', '') !== id) return { state: 'drifted', reason: `${where} is in the volume group ${found.name}` };
    if (found.name !== name) return { state: 'drifted', reason: `the volume group in ${where} is called ${found.name}` };
  }
  return { state: 'present' };
}
