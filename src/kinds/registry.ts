import type { TreeMounter } from '../rootfs/tree.ts';
import { diskKinds } from './disk-kinds.ts';
import type { Kind } from './kind.ts';
import { type LayerRuntime, layerKind } from './layer.ts';

/** What kinds need besides their inputs to make things; planning and destroying do without. */
export interface KindServices {
  readonly trees: TreeMounter;
  readonly layers: LayerRuntime;
}

const NO_TREES: TreeMounter = {
  mountTree: () => Promise.reject(new Error('there is no tree while planning')),
  close: () => Promise.resolve(),
};

/** Every kind of resource by name. */
export function kindRegistry(services?: KindServices): ReadonlyMap<string, Kind> {
  const kinds = [layerKind(services?.layers), ...diskKinds({ trees: services?.trees ?? NO_TREES })];
  return new Map(kinds.map((kind) => [kind.kind, kind]));
}
