import { dirname, join, resolve } from 'node:path';
import envPaths from 'env-paths';
import type { LoadedImage } from '../config/image.ts';
import { type Diagnostic, hasErrors } from '../diagnostics/diagnostic.ts';
import { DibError } from '../diagnostics/errors.ts';
import { sortDiagnostics } from '../diagnostics/order.ts';
import type { Paths } from '../kinds/kind.ts';
import type { Past } from '../plan/make-plan.ts';
import type { ReadImage } from '../plan/prepare.ts';
import type { State } from '../state/state.ts';

/** What commands that work on an image have in common on the command line. */
export interface ImageOptions {
  readonly stateDir?: string;
}

/** Where an image, its state and the cache lie; nothing of it need exist. */
export interface Location {
  /** Absolute path of image.yaml. */
  readonly file: string;
  readonly paths: Paths;
}

/** Finds the places that belong to an image.yaml. */
export function locateImage(file: string, options: ImageOptions): Location {
  const path = resolve(file);
  const image = dirname(path);
  const state = options.stateDir === undefined ? join(image, '.dib') : resolve(options.stateDir);
  const cache = cacheDirectory();
  return { file: path, paths: { image, state, work: join(state, 'work'), cache, scratch: join(cache, 'scratch') } };
}

/** DIB_IMAGE_CACHE, as diskimage-builder has it, or `dib` in the user's cache directory (XDG base directory specification). */
export function cacheDirectory(): string {
  const chosen = process.env['DIB_IMAGE_CACHE'];
  return resolve(chosen === undefined || chosen === '' ? envPaths('dib', { suffix: '' }).cache : chosen);
}

/** Reads and checks an image with its elements and block devices. Throws DibError with all that is wrong; gives warnings along. */
export async function readImage(file: string): Promise<{ read: ReadImage; warnings: readonly Diagnostic[] }> {
  const [{ loadImage }, { debianArchitecture }, { prepareImage }] = await Promise.all([
    import('../config/load.ts'),
    import('../distros/architectures.ts'),
    import('../plan/prepare.ts'),
  ]);
  const loaded = await loadImage(file, debianArchitecture());
  const image = loaded.value ?? loaded.salvaged;
  if (image === undefined) throw new DibError(loaded.diagnostics);
  const prepared = await prepareImage(image);
  const diagnostics = sortDiagnostics([...loaded.diagnostics, ...prepared.diagnostics]);
  if (prepared.value === undefined || hasErrors(diagnostics)) throw new DibError(diagnostics);
  return { read: prepared.value, warnings: diagnostics };
}

/** What only shows when elements are resolved and block devices laid out: for `dib validate`. */
export async function checkMeaning(image: LoadedImage): Promise<readonly Diagnostic[]> {
  const [{ prepareImage }, { expand }, { keyWarnings }] = await Promise.all([
    import('../plan/prepare.ts'),
    import('../plan/expand.ts'),
    import('../config/luks-keys.ts'),
  ]);
  const { value, diagnostics } = await prepareImage(image);
  if (value === undefined) return diagnostics;
  const keys = await keyWarnings(value.image.devices.luks, image.directory);
  return [...diagnostics, ...keys, ...expand(value.image, { facts: {}, realisation: {}, places: value.places }).diagnostics];
}

/** What the state knows of earlier runs; refused if it belongs to another image. */
export async function readPast(location: Location): Promise<{ past: Past; state: State | undefined }> {
  const [{ readState }, { requireStateOf }] = await Promise.all([import('../state/store.ts'), import('../state/ownership.ts')]);
  const state = await readState(location.paths.state);
  if (state !== undefined) await requireStateOf(state, location.file, location.paths.state);
  return { past: pastOf(state), state };
}

/** A state as planning sees it. */
export function pastOf(state: State | undefined): Past {
  if (state === undefined) return { lineage: '', serial: 0, facts: {}, resources: [] };
  const { lineage, serial, facts, resources } = state;
  return { lineage, serial, facts, resources };
}

/** Whether this process may use loop devices and mounts of the host. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}
