import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { BuilderFile, DistroConfig, LoadedImage } from '../config/image.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { DibError } from '../diagnostics/errors.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import type { ElementSet } from '../elements/element.ts';
import { keyringFault } from '../rootfs/keyring.ts';
import { parseReference } from '../rootfs/trees/oci.ts';
import { readLayout } from '../rootfs/trees/oci-image.ts';
import { checkSum } from '../rootfs/trees/tarball.ts';
import { fileDigest, sha256 } from '../util/hash.ts';

/** The image's distro with the files of the builder that it names: their content is part of what is built. */
export async function withDistroFiles(image: LoadedImage, diagnostics: Diagnostic[]): Promise<DistroConfig | undefined> {
  const { distro } = image.config;
  if (distro === undefined) return undefined;
  const read = async (
    pointer: string,
    path: string | undefined,
    load: (path: string) => Promise<string>,
  ): Promise<BuilderFile | undefined> => {
    if (path === undefined) return undefined;
    const full = resolve(image.directory, path);
    try {
      return { path: full, sha256: await load(full) };
    } catch (error) {
      const found = error instanceof DibError ? error.diagnostics : [unreadable(path, error as NodeJS.ErrnoException)];
      diagnostics.push(...found.map((item) => ({ ...item, range: image.locate(pointer) })));
      return undefined;
    }
  };
  const keyring = await read('/distro/keyring', distro.keyring, keyringDigest);
  const tree = await readTree(distro, read);
  return keyring === undefined && tree === undefined ? distro : { ...distro, files: { keyring, tree } };
}

function unreadable(path: string, error: NodeJS.ErrnoException): Diagnostic {
  return {
    code: 'DIB_DISTRO_FILE',
    severity: 'error',
    summary: `${quotedPath(path)} cannot be read: ${error.code ?? error.message}`,
    help: 'A relative path starts from the directory of `image.yaml`.',
  };
}

async function keyringDigest(path: string): Promise<string> {
  const bytes = await readFile(path);
  const fault = keyringFault(bytes);
  if (fault === undefined) return sha256(bytes);
  throw new DibError({
    code: 'DIB_DISTRO_KEYRING',
    severity: 'error',
    summary: `${quotedPath(path)} cannot be used as a keyring: ${fault}`,
    help: 'Write the public keys with `gpg --export --armor KEY-ID >keyring.asc`.',
  });
}

async function readTree(
  { source, arch }: DistroConfig,
  read: (pointer: string, path: string | undefined, load: (path: string) => Promise<string>) => Promise<BuilderFile | undefined>,
): Promise<BuilderFile | undefined> {
  if (source?.type === 'tarball') {
    return await read('/distro/path', source.path, async (path) => {
      const found = await fileDigest(path);
      if (source.sha256 !== undefined) checkSum(found, source.sha256, quoted(source.path ?? '', 200));
      return found;
    });
  }
  if (source === undefined) return undefined;
  const { transport, path, tag } = parseReference(source.ref);
  if (transport === 'docker') return undefined;
  // A layout names its content by digests; an archive of one is read when it is unpacked.
  return await read('/distro/ref', path, async (full) => {
    if (transport !== 'oci') return await fileDigest(full);
    await readFile(join(full, 'index.json'));
    return readLayout(full, { ref: source.ref, arch, tag }).sha256;
  });
}

/** Packages of a tree of which nobody said what distribution it is have no names. */
export function likeDiagnostics(image: LoadedImage, { packages }: ElementSet): readonly Diagnostic[] {
  const { distro } = image.config;
  const asked = Object.values(packages).flatMap(({ install, uninstall }) => [...install, ...uninstall]);
  const [first] = asked;
  if (first === undefined || distro?.source === undefined || distro.name !== distro.source.type) return [];
  return [
    {
      code: 'DIB_DISTRO_LIKE',
      severity: 'error',
      summary: 'Packages are to be installed, and nothing says of which distribution',
      detail: `${quoted(first.name)} is asked for by ${listOf(first.requestedBy)}.`,
      help: 'Write `like: debian` (or what it is) into `distro`, and `release`, so that packages have the names of that distribution.',
      range: image.locate('/distro'),
    },
  ];
}
