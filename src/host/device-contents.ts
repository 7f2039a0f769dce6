import { open } from 'node:fs/promises';
import type { DeviceContents, DeviceIdentity, FoundPartition, FoundSignature } from '../blockdev/device-facts.ts';
import { MIB } from '../blockdev/sizes.ts';
import { type ProbeResult, probeCommand } from '../exec/probe.ts';
import { jsonDigest, sha256 } from '../util/hash.ts';

/** partx(8) counts in sectors of 512 bytes, whatever the device's own are. */
const PARTX_SECTOR = 512;

interface Head {
  readonly head: Buffer;
  readonly tail: Buffer;
}

/**
 * What a device holds, after wipefs(8), partx(8) and blkid(8), which know some seventy signatures. Nothing is written. `partitions`: how many the kernel
 * knows, for when the device cannot be read.
 */
export async function readContents(
  node: string,
  { size, sectorSize }: Pick<DeviceIdentity, 'size' | 'sectorSize'>,
  partitions: number,
): Promise<DeviceContents> {
  const unknown = (why: string): DeviceContents => ({ known: false, why, partitions });
  let edges: Head;
  try {
    edges = await readEdges(node, size);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return unknown(code === 'EACCES' || code === 'EPERM' ? 'this user may not read it' : `it cannot be read (${code})`);
  }
  const wiped = await probeCommand(['wipefs', '--no-act', '--json', node]);
  const listed = await probeCommand(['partx', '--raw', '--bytes', '--noheadings', '--output', 'NR,START,SECTORS', node]);
  const failed = [wiped, listed].find((result) => result.notFound || result.timedOut);
  if (failed !== undefined)
    return unknown(`${failed === wiped ? 'wipefs' : 'partx'} ${failed.notFound ? 'is missing' : 'hangs'}`);
  if (wiped.exitCode !== 0) return unknown(`wipefs cannot read it (${wiped.stderr.trim()})`);
  const signatures = parseWipefs(wiped.stdout).map((found) => withTableId(found, edges.head, sectorSize));
  const places = parsePartx(listed.stdout);
  const found = await Promise.all(places.map((place) => probePartition(node, place)));
  const blank = signatures.length === 0 && found.length === 0 && isZero(edges.head) && isZero(edges.tail);
  const digest = jsonDigest({ signatures, partitions: found, edges: [sha256(edges.head), sha256(edges.tail)] });
  return { known: true, blank, signatures, partitions: found, digest };
}

async function readEdges(node: string, size: number): Promise<Head> {
  const handle = await open(node, 'r');
  try {
    const read = async (offset: number): Promise<Buffer> => {
      const buffer = Buffer.alloc(Math.min(MIB, size));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
      return buffer.subarray(0, bytesRead);
    };
    return { head: await read(0), tail: await read(Math.max(0, size - MIB)) };
  } finally {
    await handle.close();
  }
}

/** Types whose inside changes without a trace where the device begins: volumes, containers, arrays. */
const OPAQUE: ReadonlySet<string> = new Set([
  'LVM2_member',
  'crypto_LUKS',
  'linux_raid_member',
  'several signatures',
  'unreadable',
]);

/**
 * SHA-256 of what changes when somebody uses the device: its first and last MiB and the first of each partition, with their superblocks. Undefined where
 * that cannot be told: it cannot be read, or what it holds has its superblocks elsewhere.
 */
export async function digestOfUse(node: string, size: number, contents: DeviceContents): Promise<string | undefined> {
  if (!contents.known) return undefined;
  const found = [...contents.signatures, ...contents.partitions.flatMap(({ signature: each }) => each ?? [])];
  if (found.some(({ type }) => OPAQUE.has(type))) return undefined;
  const starts = [0, Math.max(0, size - MIB), ...contents.partitions.map(({ offset }) => offset)];
  const handle = await open(node, 'r');
  try {
    const digests: string[] = [];
    for (const start of starts) {
      const buffer = Buffer.alloc(MIB);
      const { bytesRead } = await handle.read(buffer, 0, Math.min(MIB, size - start), start);
      digests.push(sha256(buffer.subarray(0, bytesRead)));
    }
    return jsonDigest(digests);
  } finally {
    await handle.close();
  }
}

/** The signatures that `wipefs --json` lists, each once: a GPT has two headers and a protective MBR. */
export function parseWipefs(text: string): FoundSignature[] {
  if (text.trim() === '') return [];
  const { signatures = [] } = JSON.parse(text) as { signatures?: Record<string, string | null>[] };
  const found = signatures.filter(({ type }) => type !== 'PMBR').map((row) => signature(row['type'], row['uuid'], row['label']));
  return found.filter((each, index) => found.findIndex((other) => jsonDigest(other) === jsonDigest(each)) === index);
}

function signature(
  type: string | null | undefined,
  id: string | null | undefined,
  label: string | null | undefined,
): FoundSignature {
  return { type: type ?? 'unknown', ...(id && { id }), ...(label && { label }) };
}

/** wipefs does not tell the identifier of a partition table: UEFI 2.10, 5.3.2 (disk GUID), 5.2.1 (disk signature). */
function withTableId(found: FoundSignature, head: Buffer, sectorSize: number): FoundSignature {
  if (found.type === 'gpt' && head.toString('latin1', sectorSize, sectorSize + 8) === 'EFI PART') {
    return { ...found, id: guidText(head.subarray(sectorSize + 56, sectorSize + 72)) };
  }
  if (found.type !== 'dos') return found;
  return { ...found, id: `0x${head.readUInt32LE(440).toString(16).padStart(8, '0')}` };
}

/** A GUID as text: its first three fields are little-endian. */
function guidText(bytes: Buffer): string {
  const [a, b, c] = [bytes.readUInt32LE(0), bytes.readUInt16LE(4), bytes.readUInt16LE(6)];
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  return `${hex(a, 8)}-${hex(b, 4)}-${hex(c, 4)}-${bytes.toString('hex', 8, 10)}-${bytes.toString('hex', 10, 16)}`;
}

interface Place {
  readonly number: number;
  readonly offset: number;
  readonly length: number;
}

/** Lines of `NR START SECTORS`. */
export function parsePartx(text: string): Place[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter((row): row is [number, number, number] => row.length === 3 && row.every(Number.isSafeInteger))
    .map(([number, start, sectors]) => ({ number, offset: start * PARTX_SECTOR, length: sectors * PARTX_SECTOR }));
}

/** blkid(8): 2 when there is nothing, 8 when signatures contradict each other. */
async function probePartition(node: string, place: Place): Promise<FoundPartition> {
  const { offset, length } = place;
  const argv = ['blkid', '--probe', '--offset', String(offset), '--size', String(length), '--output', 'export', node];
  const result = await probeCommand(argv);
  const found = signatureOf(result);
  return { ...place, ...(found !== undefined && { signature: found }) };
}

function signatureOf({ exitCode, stdout }: ProbeResult): FoundSignature | undefined {
  if (exitCode === 2) return undefined;
  if (exitCode !== 0) return { type: exitCode === 8 ? 'several signatures' : 'unreadable' };
  const member = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1];
  const type = member('TYPE') ?? member('PTTYPE');
  return type === undefined ? undefined : signature(type, member('UUID') ?? member('PTUUID'), member('LABEL'));
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
