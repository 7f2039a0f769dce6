import { join } from 'node:path';
import { statOrUndefined } from './disk-file.ts';
import type { FileExtent } from './disk-inputs.ts';
import type { Paths } from './kind.ts';

const PLAIN = '.luks-plain';

/**
 * Where the content of a LUKS container is written before it is encrypted. Encrypting uses the file up: an empty one stays in its place and says
 * that the content is sealed in the device, so that no copy in clear outlives the run.
 */
export function plainFile(paths: Paths, name: string): string {
  return join(paths.work, `${name}${PLAIN}`);
}

/** Where the header of a container is made, until it is written into the device that holds the container. */
export function headerFile(paths: Paths, name: string): string {
  return join(paths.work, `${name}.luks-header`);
}

/** Whether bytes lie in a LUKS container that was encrypted: nothing can be read or written there any more, and nothing need be. */
export async function isSealed(extents: readonly FileExtent[]): Promise<boolean> {
  const files = new Set(extents.map(({ file }) => file).filter((file) => file.endsWith(PLAIN)));
  for (const file of files) if ((await statOrUndefined(file))?.size === 0) return true;
  return false;
}
