import { readSignatures, type Signature } from '../blockdev/signatures.ts';
import type { JsonObject } from '../util/json.ts';
import { statOrUndefined } from './disk-file.ts';
import type { FileExtent } from './disk-inputs.ts';
import { readFromExtents } from './extents.ts';
import type { Presence } from './kind.ts';
import { isSealed } from './luks-file.ts';

/** What is recorded of a file system that its superblock tells as well. */
export interface RecordedFilesystem extends JsonObject {
  readonly uuid: string;
  readonly label: string;
  readonly type: string;
  readonly extents?: readonly FileExtent[] | undefined;
}

/** Compares a file system with its superblock, read from the files that it lies in. What lies where only the kernel can read is believed. */
export async function probeFilesystem({ uuid, label, type, extents }: RecordedFilesystem): Promise<Presence> {
  const [first] = extents ?? [];
  if (extents === undefined || first === undefined || (await isSealed(extents))) return { state: 'present' };
  for (const { file } of extents) if ((await statOrUndefined(file)) === undefined) return { state: 'absent' };
  const size = extents.reduce((sum, { length }) => sum + length, 0);
  const signatures = await readSignatures((offset, length) => readFromExtents(extents, offset, length), size);
  const found = signatures.find((signature) => familyOf(signature.type) === familyOf(type));
  const where = `${first.file} at byte ${first.offset}`;
  if (found === undefined) {
    const others = signatures.map((signature) => signature.type).join(', ');
    const instead = others === '' ? '' : `, but ${others}`;
    return { state: 'drifted', reason: `there is no ${type} file system in ${where} any more${instead}` };
  }
  return compare({ uuid, label }, found, type);
}

function compare(recorded: { uuid: string; label: string }, found: Signature, type: string): Presence {
  const plain = (text: string | undefined) => (type === 'vfat' ? (text ?? '').toUpperCase() : (text ?? ''));
  const now = { uuid: found.uuid ?? '', label: found.label ?? '' };
  const differing = (['uuid', 'label'] as const).filter((name) => plain(now[name]) !== plain(recorded[name]));
  if (differing.length === 0) return { state: 'present' };
  const changes = differing.map((name) => `${NAMES[name]} ${now[name] === '' ? 'none' : now[name]} instead of ${recorded[name]}`);
  return {
    state: 'drifted',
    reason: `it has the ${changes.join(' and the ')}`,
    found: { outputs: Object.fromEntries(differing.map((name) => [name, now[name]])) },
  };
}

const NAMES = { uuid: 'UUID', label: 'label' } as const;

/** Which of ext2, ext3 and ext4 it is follows from features, which options may change. */
function familyOf(type: string): string {
  return /^ext[234]$/.test(type) ? 'ext' : type;
}
