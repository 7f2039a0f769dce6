import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fail } from '../diagnostics/errors.ts';

/** A disk image that QEMU can open. */
export interface BootableImage {
  /** Absolute path. */
  readonly file: string;
  readonly format: 'raw' | 'qcow2';
}

/** What of the state matters here. */
interface RecordedOutput {
  readonly kind?: unknown;
  readonly name?: unknown;
  readonly status?: unknown;
  readonly inputs?: {
    readonly format?: unknown;
    readonly disk?: unknown;
    readonly distro?: { readonly arch?: unknown };
    readonly environment?: { readonly ARCH?: unknown };
  };
  readonly outputs?: { readonly path?: unknown };
}

/** What was built, and for what. */
export interface BootableImages {
  readonly disks: readonly BootableImage[];
  /** Debian's name of the architecture; undefined: nothing says which. */
  readonly arch?: string | undefined;
}

/**
 * The disks to boot. `file` is an image.yaml, whose state tells what was built (qcow2 before raw of the same disk), or a disk image itself.
 * Fails with DIB_BOOT_NO_IMAGE when there is nothing to boot.
 */
export function findImages(file: string, stateDirectory: string | undefined): BootableImages {
  const path = resolve(file);
  if (!/\.ya?ml$/.test(path)) return { disks: [diskImage(path)] };
  const directory = dirname(path);
  const state = join(stateDirectory === undefined ? join(directory, '.dib') : resolve(stateDirectory), 'state.json');
  const resources = readState(state, file);
  const images = builtImages(resources, directory);
  if (images.length === 0) {
    fail({
      code: 'DIB_BOOT_NO_IMAGE',
      summary: `${file} has no qcow2 or raw output that was built`,
      detail: `The state ${state} records none.`,
      help: `Build it with \`dib apply ${file}\`; its outputs must have qcow2 or raw among them.`,
    });
  }
  for (const image of images) requireFile(image.file, `Build it again with \`dib apply ${file}\`.`);
  return { disks: images, arch: builtArch(resources) };
}

/** What the bootstrap was told, or hooks were where an element makes the tree. */
function builtArch(resources: readonly RecordedOutput[]): string | undefined {
  const found = resources.map(({ inputs }) => inputs?.distro?.arch ?? inputs?.environment?.ARCH);
  return found.find((arch) => typeof arch === 'string');
}

/**
 * One image for each disk. The first disk's outputs are those with plain names (`output.qcow2`), and it comes first, for it is the one to boot;
 * those of others are named after their disk (`output.qcow2_disk1`).
 */
export function builtImages(resources: readonly RecordedOutput[], directory: string): readonly BootableImage[] {
  const disks = new Map<string, { readonly image: BootableImage; readonly name: string }>();
  for (const format of ['qcow2', 'raw'] as const) {
    for (const { kind, name, status, inputs, outputs } of resources) {
      if (kind !== 'output' || status !== 'created' || inputs?.format !== format) continue;
      if (typeof outputs?.path !== 'string' || typeof name !== 'string') continue;
      const disk = typeof inputs.disk === 'string' ? inputs.disk : name;
      if (!disks.has(disk)) disks.set(disk, { name, image: { file: resolve(directory, outputs.path), format } });
    }
  }
  const rank = (name: string) => (name.includes('_') ? name.slice(name.indexOf('_')) : '');
  return [...disks.values()].sort((a, b) => (rank(a.name) < rank(b.name) ? -1 : 1)).map(({ image }) => image);
}

function readState(path: string, file: string): readonly RecordedOutput[] {
  if (!existsSync(path)) {
    fail({
      code: 'DIB_BOOT_NO_IMAGE',
      summary: `${file} has not been built`,
      detail: `There is no state at ${path}.`,
      help: `Build it with \`dib apply ${file}\`.`,
    });
  }
  try {
    const { resources } = JSON.parse(readFileSync(path, 'utf8')) as { resources?: unknown };
    if (Array.isArray(resources)) return resources as RecordedOutput[];
    if (typeof resources === 'object' && resources !== null) return Object.values(resources) as RecordedOutput[];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return fail({
    code: 'DIB_BOOT_NO_STATE',
    summary: `The state ${path} cannot be read`,
    detail: 'It is not a JSON document with resources.',
    help: 'See `dib state list` for what is wrong with it. `dib boot IMAGE-FILE` needs no state.',
  });
}

function diskImage(file: string): BootableImage {
  requireFile(file, 'Give an image.yaml, or a qcow2 or raw disk image.');
  const magic = Buffer.alloc(4);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, magic, 0, 4, 0);
  } finally {
    closeSync(descriptor);
  }
  // "QFI\xfb" starts every qcow2 file (QEMU's docs/interop/qcow2.txt).
  return { file, format: magic.readUInt32BE() === 0x514649fb ? 'qcow2' : 'raw' };
}

function requireFile(file: string, help: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) return;
  fail({ code: 'DIB_BOOT_NO_IMAGE', summary: `There is no image at ${file}`, help });
}
