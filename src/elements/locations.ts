import { fileURLToPath } from 'node:url';

/** Directory of the elements that are shipped with dib. */
export function builtinElementsDirectory(): string {
  return fileURLToPath(new URL('../../elements', import.meta.url));
}

/** Directory of the shell helpers that run beside and inside the image while it is built. */
export function libexecDirectory(): string {
  return fileURLToPath(new URL('../../libexec', import.meta.url));
}
