import type { TreeMounter } from '../rootfs/tree.ts';
import { DeviceGuard } from './device-guard.ts';
import { diskKinds } from './disk-kinds.ts';
import type { Kind } from './kind.ts';
import { type LayerRuntime, layerKind } from './layer.ts';
import { NO_KEYS, type SecretKeys } from './secret-keys.ts';
import { sourceKind } from './source.ts';

/** What kinds need besides their inputs to make and attach things; planning and destroying do without. */
export interface KindServices {
  readonly trees?: TreeMounter | undefined;
  readonly layers?: LayerRuntime | undefined;
  readonly secrets?: SecretKeys | undefined;
  /** Over the disks of this machine that the run may write to. */
  readonly devices?: DeviceGuard | undefined;
}

const NO_TREES: TreeMounter = {
  mountTree: () => Promise.reject(new Error('there is no tree while planning')),
  close: () => Promise.resolve(),
};

/** Every kind of resource by name. */
export function kindRegistry(services?: KindServices): ReadonlyMap<string, Kind> {
  const { trees = NO_TREES, layers, secrets = NO_KEYS, devices = new DeviceGuard([]) } = services ?? {};
  const fetching = layers === undefined ? undefined : { sources: layers.elementSet.sources, cache: layers.cache };
  const kinds = [layerKind(layers), sourceKind(fetching), ...diskKinds({ trees, secrets, devices })];
  return new Map(kinds.map((kind) => [kind.kind, kind]));
}
