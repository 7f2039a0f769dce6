import prettyBytes from 'pretty-bytes';
import { formatBytes } from '../blockdev/sizes.ts';
import type { RecordedResource } from '../kinds/kind.ts';
import type { State } from '../state/state.ts';

/** Path, size and digest of everything built, the disks of this machine that were written to, where it is attached, and the command that boots it. */
export function renderOutputs(state: State, imageFile: string): string {
  const outputs = state.resources.filter((resource) => resource.kind === 'output' && resource.status === 'created');
  const mounts = state.resources.filter((resource) => resource.kind === 'mount' && resource.attachment?.status === 'attached');
  const lines: string[] = [];
  for (const { name, outputs: made } of outputs) {
    const size = Number(made['size']);
    lines.push(
      `  ${name}`,
      `    path   ${made['path']}`,
      `    size   ${prettyBytes(size, { binary: true })} (${size} bytes)`,
      `    sha256 ${made['sha256']}`,
    );
  }
  const parts = lines.length === 0 ? [] : [`Outputs:\n${lines.join('\n')}`];
  const disks = state.resources.filter((resource) => resource.kind === 'disk' && resource.status === 'created');
  if (disks.length > 0) parts.push(`Written to:\n${disks.map(writtenDisk).join('\n')}`);
  if (mounts.length > 0) {
    const where = mounts.map(({ inputs, attachment }) => {
      const target = attachment?.outputs['target'];
      return `  ${inputs['mountPoint']} ${target === undefined ? '(not mounted here)' : `at ${target}`}`;
    });
    parts.push(`Attached until \`dib destroy\`:\n${where.join('\n')}`);
  }
  if (outputs.some(({ inputs }) => inputs['format'] !== 'tar')) parts.push(`Boot it with: dib boot ${imageFile}`);
  return parts.length === 0 ? '' : `\n${parts.join('\n\n')}\n`;
}

function writtenDisk({ outputs: { file, model, serial, size } }: RecordedResource): string {
  const who = [model, serial && `serial ${serial}`, formatBytes(Number(size))].filter((part) => part !== undefined);
  return `  ${file} (${who.join(', ')})`;
}
