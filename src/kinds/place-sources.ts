import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import type { ElementSet } from '../elements/element.ts';
import { publicLocation } from '../elements/source-location.ts';
import { placeOf, type SourceRepository } from '../elements/source-repositories.ts';
import { layerTree } from '../rootfs/cache-layout.ts';
import { copyEntry, copyInside, makeDirectoryInside, NotADirectory } from '../rootfs/copy-inside.ts';
import { directoryInside, resolveInside, writeInside } from '../rootfs/inside.ts';
import type { SourceOutputs } from './source.ts';
import { sourceAddress } from './source-graph.ts';

/** Where the paths of sources in the image are listed, one a line, for hooks and people. */
const LIST = '/etc/dib-source-repositories';

export interface SourcePlacement {
  readonly set: ElementSet;
  readonly imageName: string;
  /** Directory of the cache. */
  readonly cache: string;
  /** The tree. */
  readonly root: string;
  /** Outputs of a source by address. */
  readonly outputs: (address: string) => SourceOutputs;
  /** Of the layer, for messages. */
  readonly address: string;
}

/** Puts all sources into the tree, owned by root, and writes the lists of them that diskimage-builder writes. Never follows a link out of the tree. */
export function placeSources(placement: SourcePlacement): void {
  const { set, root } = placement;
  const paths: string[] = [];
  const manifest: string[] = [];
  for (const source of set.sources) {
    const outputs = placement.outputs(sourceAddress(source.name));
    const content = join(layerTree(placement.cache, outputs.layers[0] as string), 'content');
    for (const destination of source.destinations) {
      place(source, content, destination, placement);
      paths.push(destination);
      if (source.type === 'git')
        manifest.push(`${source.name} git ${destination} ${publicLocation(source.location)} ${outputs.revision}`);
    }
  }
  append(root, LIST, paths);
  const directory = set.environment['DIB_MANIFEST_IMAGE_DIR'] ?? '/etc/dib-manifests';
  if (manifest.length === 0) return;
  makeDirectoryInside(root, directory);
  append(root, `${directory}/dib-manifest-git-${basename(placement.imageName)}`, manifest);
}

function place(source: SourceRepository, content: string, destination: string, placement: SourcePlacement): void {
  const { root } = placement;
  if (source.type === 'git' && isTaken(root, destination)) occupied(source, destination, placement);
  try {
    if (source.type !== 'file') copyInside(content, root, destination);
    else {
      if (makeDirectoryInside(root, dirname(destination)) === undefined) throw new NotADirectory(dirname(destination));
      copyEntry(content, root, destination);
    }
  } catch (error) {
    if (!(error instanceof NotADirectory)) throw error;
    occupied(source, error.path, placement);
  }
}

/** Whether something is there that a clone would mix with. */
function isTaken(root: string, path: string): boolean {
  const directory = directoryInside(root, path);
  if (directory !== undefined) return readdirSync(directory).length > 0;
  const parent = directoryInside(root, dirname(path));
  return parent !== undefined && lstatSync(join(parent, basename(path)), { throwIfNoEntry: false }) !== undefined;
}

function occupied(source: SourceRepository, path: string, placement: SourcePlacement): never {
  return fail({
    code: 'DIB_SOURCE_DESTINATION',
    address: placement.address,
    summary: `The source ${quoted(source.name)} cannot be put at ${quotedPath(path)} of the image: something else is there`,
    detail: 'A hook or a package of an earlier layer made it.',
    help: `Change the destination, declared by element ${quoted(source.element)}, or have the other one go elsewhere.`,
    ...placeOf(source),
  });
}

/** Adds lines to a file of the tree. */
function append(root: string, path: string, lines: readonly string[]): void {
  const full = resolveInside(root, path);
  const before = full !== undefined && lstatSync(full).isFile() ? readFileSync(full, 'utf8') : '';
  writeInside(root, dirname(path), basename(path), before + lines.map((line) => `${line}\n`).join(''));
}
