import type { Kind } from './kind.ts';

/** A device given to a volume group. Offline, vgs.NAME writes its label and metadata in one go. */
export const pvs: Kind = {
  kind: 'pvs',
  requires: () => [],
  commands: () => [],
  probe: async () => ({ state: 'present' }),
  create: async () => ({}),
  destroy: async () => {},
};
