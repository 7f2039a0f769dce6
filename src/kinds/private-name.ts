import { sha256 } from '../util/hash.ts';
import type { Paths } from './kind.ts';

/**
 * A name for an array, mapping or volume group while it is attached: the same in each run of one state, and of nobody else. So what this machine
 * has under the name that it has in the image is never confused with it.
 */
export function privateName(paths: Pick<Paths, 'state'>, address: string): string {
  return `dib-${sha256(`${paths.state}\0${address}`).slice(0, 16)}`;
}
