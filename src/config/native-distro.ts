import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Json } from '../util/json.ts';
import type { LoadedImage } from './image.ts';
import { placed } from './load.ts';
import { distroProblems } from './rules/distro.ts';

/**
 * What stands in the way of bootstrapping the image's distro natively. To be called once the elements are known and none of them
 * brings an operating system; until then an unknown distro may be one that only an element knows.
 */
export function nativeDistroDiagnostics(image: LoadedImage): readonly Diagnostic[] {
  const { name, release, source } = image.config.distro ?? {};
  if (name === undefined || release === undefined || source !== undefined) return [];
  const root: Json = { distro: { name, release } };
  return distroProblems(root, true).map((problem) => placed(problem, image));
}
