import { readVolumeGroup } from '../blockdev/lvm-text.ts';
import { statOrUndefined } from './disk-file.ts';
import { type DeviceOutputs, known, type LvsInputs, type Place } from './disk-inputs.ts';
import { extentsOfPlace, readFromExtents } from './extents.ts';
import type { Kind, Presence, RecordedResource, Records, Requirement } from './kind.ts';
import { isSealed } from './luks-file.ts';
import { createLogicalVolumeCommand } from './lvm-commands.ts';
import { attachVolume, createVolume, detachVolume } from './lvs-attached.ts';
import { lvmRequirements } from './pvs.ts';
import type { VgsOutputs } from './vgs.ts';

/** Outputs of `lvs.NAME`. */
interface VolumeOutputs extends DeviceOutputs {
  /** LVM's 32 characters without dashes. */
  readonly id: string;
}

/** A logical volume. Offline, the group's metadata has it: it is only a place in files. */
export const lvs: Kind = {
  kind: 'lvs',
  requires: (inputs) => volumeRequirements(inputs as LvsInputs),
  commands(inputs) {
    const volume = inputs as LvsInputs;
    if (volume.realisation === 'offline') return [];
    const place = { group: `<${volume.group}>`, devices: [`<devices of ${volume.group}>`] };
    return [createLogicalVolumeCommand(volume, place, { metadata: '', chunk: volume.metadata?.chunk ?? '' })];
  },
  needsAttached: (inputs) => (inputs as LvsInputs).realisation === 'attached',
  probe: (recorded, _paths, records) => probeVolume(recorded, records),

  async create(inputs, context): Promise<VolumeOutputs> {
    const volume = inputs as LvsInputs;
    const size = known(volume.size, `size of ${context.address}`);
    const common = { size, sectorSize: volume.sectorSize };
    if (volume.realisation === 'attached') return { ...common, id: await createVolume(volume, context) };
    const place = known<Place>(volume.place as Place, `place of ${context.address}`);
    return { ...common, id: volume.id, extents: extentsOfPlace(place, (address) => context.outputs(address)) };
  },

  destroy: async () => {},

  async attach(recorded, context) {
    // Volumes activate the pool that they need.
    if ((recorded.inputs as LvsInputs).type === 'thin-pool') return {};
    return await attachVolume(recorded, (recorded.outputs as VolumeOutputs).id, context);
  },

  detach: (recorded, context) => detachVolume(recorded, context),
};

function volumeRequirements({ realisation, type }: LvsInputs): readonly Requirement[] {
  const base = lvmRequirements(realisation);
  if (type === 'linear') return base;
  return [
    ...base,
    { need: 'kernel', name: 'dm_thin_pool', why: 'the kernel makes thin volumes' },
    { need: 'tool', name: 'thin_check', package: 'thin-provisioning-tools', why: 'LVM checks thin pools with it' },
  ];
}

/** Whether the group still has the volume, as far as the metadata of its physical volumes can be read from files. */
async function probeVolume(recorded: RecordedResource, records?: Records): Promise<Presence> {
  const { group, volume } = recorded.inputs as LvsInputs;
  const { id } = recorded.outputs as VolumeOutputs;
  const { areas = [] } = (records?.(group)?.outputs ?? {}) as Partial<VgsOutputs>;
  for (const area of areas) {
    if (await isSealed(area)) continue;
    for (const { file } of area) if ((await statOrUndefined(file)) === undefined) return { state: 'absent' };
    const found = await readVolumeGroup((offset, length) => readFromExtents(area, offset, length));
    // The probe of the group tells what became of the rest.
    if (found?.lvs.some((each) => each.id.replaceAll('-', '') === id) === false)
      return { state: 'absent', reason: `the volume group in ${area[0]?.file ?? ''} has no volume ${volume} of its id` };
  }
  return { state: 'present' };
}
