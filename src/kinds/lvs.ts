import { type DeviceOutputs, known, type LvsInputs, type Place } from './disk-inputs.ts';
import { extentsOfPlace } from './extents.ts';
import type { Kind } from './kind.ts';

/** A logical volume. Offline, the group's metadata has it: it is only a place in files. */
export const lvs: Kind = {
  kind: 'lvs',
  requires: () => [],
  commands: () => [],
  probe: async () => ({ state: 'present' }),

  async create(inputs, context): Promise<DeviceOutputs> {
    const { size, sectorSize, place } = inputs as LvsInputs;
    const where = known<Place>(place as Place, `place of ${context.address}`);
    return {
      size: known(size, `size of ${context.address}`),
      sectorSize,
      extents: extentsOfPlace(where, (address) => context.outputs(address)),
    };
  },

  destroy: async () => {},
};
