import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { directoryInside, writeInside } from '../rootfs/inside.ts';
import type { StepsInputs } from './layer-graph.ts';

/** /etc/hostname, /etc/fstab and its like. */
export function writeIdentity(root: string, inputs: StepsInputs): void {
  if (inputs.hostname !== undefined) writeInside(root, 'etc', 'hostname', `${inputs.hostname}\n`);
  for (const [path, text] of Object.entries(inputs.systemFiles ?? {})) {
    writeInside(root, dirname(path).slice(1), basename(path), text);
  }
}

/** Takes out what belongs to the build: temporary files, contents of logs, logs of root's, and what the package manager leaves (`leftovers`, of Distro). */
export function purge(root: string, leftovers: readonly string[]): void {
  const empty = (path: string) => {
    const directory = directoryInside(root, path);
    if (directory === undefined) return;
    for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true });
  };
  for (const path of ['tmp', 'var/tmp', 'run']) empty(path);
  for (const path of leftovers) {
    if (!path.includes('*')) {
      empty(path);
      continue;
    }
    const directory = directoryInside(root, dirname(path));
    const suffix = basename(path).slice(1);
    if (directory === undefined) continue;
    for (const name of readdirSync(directory)) if (name.endsWith(suffix)) rmSync(join(directory, name));
  }
  eachFile(directoryInside(root, 'var/log'), (path) => {
    if (statSync(path).size > 0) truncateSync(path);
  });
  // Installers that run as root leave their logs there; diskimage-builder removes them too.
  eachFile(directoryInside(root, 'root'), (path) => {
    if (path.endsWith('.log')) rmSync(path);
  });
}

/** Regular files at any depth; symbolic links are not followed. */
function eachFile(directory: string | undefined, visit: (path: string) => void): void {
  if (directory === undefined) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) eachFile(path, visit);
    else if (entry.isFile()) visit(path);
  }
}
