import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { probeCommand } from '../exec/probe.ts';
import { type Finding, firstLine } from './finding.ts';

/**
 * Mounts an overlay with the options that layers use, in a mount namespace that ends with the command.
 * `namespaces` are further options of unshare(1).
 */
export async function probeOverlay(directory: string, namespaces: readonly string[]): Promise<Finding> {
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const path of [lower, upper, work, merged]) await mkdir(path, { recursive: true });
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},userxattr`;
  const mount = ['mount', '-t', 'overlay', 'overlay', '-o', options, merged];
  const result = await probeCommand(['unshare', ...namespaces, '--mount', '--propagation', 'private', ...mount]);
  if (result.exitCode === 0) return { state: 'found', detail: 'can be mounted with userxattr' };
  return { state: 'missing', detail: firstLine(result), help: 'needs Linux 5.11 or newer with CONFIG_OVERLAY_FS' };
}
