import type { FstabInputs } from './disk-inputs.ts';
import type { Kind } from './kind.ts';

/** A line of /etc/fstab. The file itself is written with the last layer: all of it is known in the plan. */
export const fstab: Kind = {
  kind: 'fstab',
  requires: () => [],
  commands: () => [],
  probe: async () => ({ state: 'present' }),
  create: async (inputs) => ({ line: (inputs as FstabInputs).line }),
  destroy: async () => {},
};
