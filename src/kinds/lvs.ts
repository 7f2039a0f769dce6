import { type DeviceOutputs, known, type LvsInputs, type Place } from './disk-inputs.ts';
import { extentsOfPlace } from './extents.ts';
import type { Kind, Requirement } from './kind.ts';
import { createLogicalVolumeCommand } from './lvm-commands.ts';
import { attachVolume, createVolume, detachVolume } from './lvs-attached.ts';
import { lvmRequirements } from './pvs.ts';

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
  // The probe of the group looks at its volumes.
  probe: async () => ({ state: 'present' }),

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
