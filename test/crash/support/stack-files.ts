import { execFile } from 'node:child_process';
import { createDecipheriv, createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { PASSPHRASE } from './stack-images.ts';

const run = promisify(execFile);

const LUKS_TYPE = 'CA7D7CCB-63ED-4C53-861C-1742536059CC';
const MIB = 1024 * 1024;
const LUKS_HEADER = 16 * MIB;
const SECTOR = 512;
const HOLE = Buffer.alloc(SECTOR);

interface Table {
  readonly partitiontable: { readonly partitions: readonly { start: number; size: number; type: string }[] };
}

/**
 * What is on a disk that was made as bytes in a file: its partition table, and a digest of all of it. In place of an encrypted partition stand what its
 * header says and a digest of what was encrypted: no two containers have equal bytes.
 */
export async function describeFile(disk: string): Promise<string> {
  const text = await run('sfdisk', ['--json', disk]).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
  if (text === undefined) return await digest(disk, []);
  const { partitiontable } = JSON.parse(text) as Table;
  const container = partitiontable.partitions.find(({ type }) => type === LUKS_TYPE);
  const table = text.replaceAll(disk, basename(disk));
  if (container === undefined) return `${table}\n${await digest(disk, [])}`;
  const [offset, length] = [container.start * 512, container.size * 512];
  return [table, await digest(disk, [offset, length]), await describeContainer(disk, offset, length)].join('\n');
}

/** SHA-256 of a file, without the bytes between. */
async function digest(file: string, [offset = 0, length = 0]: readonly number[]): Promise<string> {
  const hash = createHash('sha256');
  if (offset > 0) for await (const chunk of createReadStream(file, { end: offset - 1, highWaterMark: MIB })) hash.update(chunk);
  for await (const chunk of createReadStream(file, { start: offset + length, highWaterMark: MIB })) hash.update(chunk);
  return hash.digest('hex');
}

/** What a container's header says, and a digest of what it holds, decrypted without the kernel. */
async function describeContainer(disk: string, offset: number, length: number): Promise<string> {
  const directory = mkdtempSync('/var/tmp/dib-crash-container-');
  try {
    const header = join(directory, 'header');
    const range = [
      'iflag=skip_bytes,count_bytes',
      `skip=${offset}`,
      `count=${LUKS_HEADER}`,
      'bs=1M',
      'conv=sparse',
      'status=none',
    ];
    await run('dd', [`if=${disk}`, `of=${header}`, ...range]);
    await run('truncate', [`--size=${LUKS_HEADER}`, header]);
    const { stdout: dump } = await run('cryptsetup', ['luksDump', '--disable-locks', header]);
    const facts = dump
      .split('\n')
      .filter((line) => /^(Version|UUID|Label|Flags):|offset:|cipher:|sector:|luks2/.test(line.trim()));
    expectFact(dump, 'offset', `${LUKS_HEADER} [bytes]`);
    expectFact(dump, 'cipher', 'aes-xts-plain64');
    expectFact(dump, 'sector', '512 [bytes]');
    const key = join(directory, 'key');
    const options = ['--batch-mode', '--disable-locks', '--key-file', '-', '--dump-volume-key', '--volume-key-file', key];
    const dumping = run('cryptsetup', ['luksDump', ...options, header]);
    dumping.child.stdin?.end(PASSPHRASE);
    await dumping;
    const content = await decryptedDigest(disk, offset + LUKS_HEADER, length - LUKS_HEADER, readFileSync(key));
    return [...facts, content].join('\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function expectFact(dump: string, name: string, value: string): void {
  expect(new RegExp(`^\\s*${name}: (.*)$`, 'm').exec(dump)?.[1]).toBe(value);
}

/**
 * Sectors in AES-XTS, each with its number as the initial value: plain64 in the kernel's documentation of dm-crypt. What is a hole is no secret: it stands
 * for zeroes, as decrypted it would differ from key to key.
 */
async function decryptedDigest(disk: string, offset: number, length: number, key: Buffer): Promise<string> {
  const hash = createHash('sha256');
  const number = Buffer.alloc(16);
  let sector = 0n;
  for await (const chunk of createReadStream(disk, { start: offset, end: offset + length - 1, highWaterMark: MIB })) {
    const bytes = chunk as Buffer;
    for (let at = 0; at < bytes.length; at += SECTOR) {
      number.writeBigUInt64LE(sector);
      sector += 1n;
      const encrypted = bytes.subarray(at, at + SECTOR);
      hash.update(encrypted.equals(HOLE) ? HOLE : createDecipheriv('aes-256-xts', key, number).update(encrypted));
    }
  }
  return hash.digest('hex');
}
