import { type ExtentOutputs, known, type LocalLoopOutputs, type PartitionInputs } from './disk-inputs.ts';
import type { Kind } from './kind.ts';
import { attachLoop, detachLoops, isLoopOf, loopIdentity, loopRequirements } from './loop.ts';

/**
 * A piece of a disk. Creating it does nothing: the table has it. Attached it is a loop device on that slice of the disk file,
 * so that neither the kernel's partition scan nor udev is needed.
 */
export const partition: Kind = {
  kind: 'partition',
  requires: (inputs) => loopRequirements((inputs as PartitionInputs).realisation),
  commands: () => [],
  probe: async () => ({ state: 'present' }),

  async create(inputs, context): Promise<ExtentOutputs> {
    const { disk, offset, length } = inputs as PartitionInputs;
    const { file, sectorSize } = context.outputs(disk) as LocalLoopOutputs;
    return {
      file,
      offset: known(offset, `offset of ${context.address}`),
      length: known(length, `length of ${context.address}`),
      sectorSize,
    };
  },

  destroy: async () => {},

  async attach(recorded, context) {
    const { file, offset, length, sectorSize } = recorded.outputs as ExtentOutputs;
    return attachLoop(context, file, offset, length, sectorSize);
  },

  async detach(recorded, context) {
    const identity = loopIdentity(recorded);
    if (identity?.offset === undefined || identity.length === undefined) return;
    const { offset, length } = identity;
    await detachLoops(context, isLoopOf(recorded, { ...identity, offset, length }));
  },
};
