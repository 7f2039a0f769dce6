import { attachedDevice, emptyDevice } from './attached-device.ts';
import type { PvsInputs } from './disk-inputs.ts';
import type { Kind, Realisation, Requirement } from './kind.ts';
import { createVolumeCommand } from './lvm-commands.ts';

/** What LVM needs of the machine where physical volumes, groups and volumes are made or activated. */
export function lvmRequirements(realisation: Realisation): readonly Requirement[] {
  if (realisation === 'offline') return [];
  return [
    { need: 'kernel', name: 'dm_mod', why: 'the kernel shows logical volumes as devices' },
    { need: 'tool', name: 'lvm', package: 'lvm2', why: 'makes volume groups' },
    { need: 'tool', name: 'dmsetup', package: 'dmsetup', why: 'tells whose a mapped device is' },
  ];
}

/** A device given to a volume group. Offline, vgs.NAME writes its label and metadata in one go. */
export const pvs: Kind = {
  kind: 'pvs',
  requires: (inputs) => lvmRequirements((inputs as PvsInputs).realisation),
  commands(inputs) {
    const pv = inputs as PvsInputs;
    return pv.realisation === 'offline' ? [] : [createVolumeCommand(pv, `<${pv.device}>`)];
  },
  needsAttached: (inputs) => (inputs as PvsInputs).realisation === 'attached',
  // The probe of the group looks at its physical volumes.
  probe: async () => ({ state: 'present' }),

  async create(inputs, context) {
    const pv = inputs as PvsInputs;
    if (pv.realisation === 'offline') return {};
    const device = await attachedDevice(context, pv.device);
    await emptyDevice(context, pv.device, device);
    await (await context.machine()).run(createVolumeCommand(pv, device));
    return {};
  },

  destroy: async () => {},
};
