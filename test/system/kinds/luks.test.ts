import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { LUKS_HEADER_BYTES } from '../../../src/kinds/cryptsetup-commands.ts';
import type { LvsInputs, Place } from '../../../src/kinds/disk-inputs.ts';
import type { Json } from '../../../src/util/json.ts';
import { expectedTree, placed, run, withMounted } from './checks.ts';
import { MiniEngine } from './harness.ts';
import { describeTree, makeTree } from './tree-fixture.ts';

// LUKS containers that are made as files, decrypted again by cryptsetup itself. The kernel opens them in test/vm.

const MIB = 1024 * 1024;
const KEY = Buffer.from('ge heim\n\u00ff');
const QUICK = { key: 'prompt', pbkdf: 'pbkdf2', iter_time: 100 };

let tree: string;
let engine: MiniEngine | undefined;

beforeAll(() => {
  tree = makeTree();
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));
afterEach(async () => {
  await engine?.close();
  engine = undefined;
});

function make(blockDevice: readonly Json[]): MiniEngine {
  engine = new MiniEngine({ blockDevice, tree, keys: new Map(['crypt', 'inner'].map((name) => [name, KEY])) });
  return engine;
}

/** A container in a partition, with what stands in it. */
function inPartition(content: Readonly<Record<string, Json>>, disk: Readonly<Record<string, Json>> = {}): Json {
  const partitions = [{ name: 'part', size: '100%', luks: { name: 'crypt', ...QUICK, ...content } }];
  return { local_loop: { name: 'image0', size: '160MiB', ...disk, partitioning: { label: 'gpt', partitions } } };
}

const ROOT = { type: 'ext4', mount: { mount_point: '/' } };

/** Has cryptsetup decrypt a copy of a container in a disk file. Gives the file of its content. */
function decrypted(made: MiniEngine, { file, offset, length }: { file: string; offset: number; length: number }): string {
  const [copy, header] = [join(made.paths.scratch, 'container'), join(made.paths.scratch, 'header')];
  for (const path of [copy, header]) rmSync(path, { force: true });
  const range = ['bs=1M', 'iflag=skip_bytes,count_bytes', `skip=${offset}`, `count=${length}`, 'conv=sparse', 'status=none'];
  run('dd', `if=${file}`, `of=${copy}`, ...range);
  run('truncate', `--size=${length}`, copy);
  const options = ['--force-offline-reencrypt', '--batch-mode', '--disable-locks', '--key-file', '-'];
  execFileSync('cryptsetup', ['reencrypt', '--decrypt', '--header', header, ...options, copy], { input: KEY, stdio: 'pipe' });
  return copy;
}

function partition(made: MiniEngine) {
  return { file: made.file(), ...placed(made, 'part') };
}

/** Whether bytes of a file read as zeroes. */
function isEmpty(file: string, offset: number, length: number): boolean {
  const bytes = Buffer.alloc(length, 1);
  const descriptor = openSync(file, 'r');
  readSync(descriptor, bytes, 0, length, offset);
  closeSync(descriptor);
  return bytes.every((byte) => byte === 0);
}

it.each([
  ['aes-xts-plain64', 512, 512],
  ['aes-xts-plain64', 256, 4096],
  ['aes-cbc-essiv:sha256', 256, 512],
  ['aes-cbc-plain64', 128, 512],
])('%s with %d bits, sectors of %d bytes: a clean file system with the whole tree', async (cipher, bits, sectorSize) => {
  const disk = { block_size: sectorSize };
  const made = await make([inPartition({ cipher, key_size: bits, mkfs: ROOT }, disk)]).apply();
  const { offset, length } = placed(made, 'part');
  expect(readdirSync(made.paths.work).sort()).toEqual(['crypt.luks-plain', 'image0.raw']);
  expect(statSync(join(made.paths.work, 'crypt.luks-plain')).size).toBe(0);
  expect(readdirSync(made.paths.scratch)).toEqual([]);
  const content = decrypted(made, partition(made));
  run('e2fsck', '-fn', content);
  const inside = { offset: 0, length: length - LUKS_HEADER_BYTES };
  expect(withMounted(content, inside, describeTree)).toBe(expectedTree(tree, []));
  // What no file has is a hole, in the container as in the file system.
  const said = run('dumpe2fs', '-h', content);
  const count = (what: string) => Number(new RegExp(`^${what}: +(\\d+)$`, 'm').exec(said)?.[1]);
  const used = (count('Block count') - count('Free blocks')) * count('Block size');
  expect(statSync(made.file()).blocks * 512).toBeLessThan(LUKS_HEADER_BYTES + used + MIB);
  expect(isEmpty(made.file(), offset + length - MIB, 65_536)).toBe(true);
});

it('a volume group in it: volumes, and nothing where none is', async () => {
  const made = await make([
    inPartition({ lvm_pv: { vg: 'data' } }),
    {
      lvm: {
        vgs: [{ name: 'data' }],
        lvs: [
          { name: 'swap', base: 'data', size: '16MiB', mkfs: { type: 'swap', mount: { mount_point: 'none' } } },
          { name: 'root', base: 'data', size: '64MiB', mkfs: ROOT },
          { name: 'spare', base: 'data', size: '16MiB' },
          { name: 'small', base: 'data', size: '16MiB', mkfs: { type: 'vfat', mount: { mount_point: '/boot/efi' } } },
        ],
      },
    },
  ]).apply();
  const content = decrypted(made, partition(made));
  const piece = (name: string) => (made.inputs<LvsInputs>(`lvs.${name}`).place as Place)[0] ?? { offset: -1, length: 0 };
  run('e2fsck', '-fn', `${content}?offset=${piece('root').offset}`);
  expect(withMounted(content, piece('root'), describeTree)).toBe(expectedTree(tree, ['boot/efi']));
  expect(run('mtype', '-i', `${content}@@${piece('small').offset}`, '::/EFI/BOOT/grub.cfg')).toBe('cfg\n');
  expect(run('blkid', '-p', '-o', 'value', '-s', 'TYPE', '-O', String(piece('swap').offset), content)).toBe('swap\n');
  expect(run('blkid', '-p', '-o', 'value', '-s', 'TYPE', content)).toBe('LVM2_member\n');
  const start = placed(made, 'part').offset + LUKS_HEADER_BYTES;
  expect(isEmpty(made.file(), start + piece('swap').offset + 65_536, piece('swap').length - 65_536)).toBe(true);
  expect(isEmpty(made.file(), start + piece('spare').offset, piece('spare').length)).toBe(true);
  expect(isEmpty(made.file(), start + piece('small').offset + 15 * MIB, 65_536)).toBe(false);
});

it('a container straight in another one', async () => {
  const made = await make([inPartition({ luks: { name: 'inner', ...QUICK, mkfs: ROOT } })]).apply();
  const length = placed(made, 'part').length - LUKS_HEADER_BYTES;
  const outer = join(made.paths.scratch, 'outer');
  copyFileSync(decrypted(made, partition(made)), outer);
  const content = decrypted(made, { file: outer, offset: 0, length });
  run('e2fsck', '-fn', content);
  expect(withMounted(content, { offset: 0, length: length - LUKS_HEADER_BYTES }, describeTree)).toBe(expectedTree(tree, []));
});

it('an encryption that failed leaves no container and all of the content, and can be repeated', async () => {
  const made = make([inPartition({ mkfs: ROOT })]);
  const encrypt = made.resources.find(({ address }) => address === 'encrypt.crypt');
  if (encrypt === undefined) throw new Error('nothing is encrypted');
  for (const resource of made.resources) if (resource !== encrypt) await made.create(resource);
  const kind = made.kind('encrypt');
  const context = made.context('encrypt.crypt');
  const plain = join(made.paths.work, 'crypt.luks-plain');
  const before = readFileSync(plain);
  const aborted = AbortSignal.abort();
  await expect(kind.create(encrypt.inputs, { ...context, signal: aborted })).rejects.toThrow('aborted');
  expect(readFileSync(plain).equals(before)).toBe(true);
  const { offset, length } = placed(made, 'part');
  expect(isEmpty(made.file(), offset, length)).toBe(true);
  expect(readdirSync(made.paths.scratch)).toEqual([]);

  await made.create(encrypt);
  expect(
    readFileSync(decrypted(made, partition(made)))
      .subarray(0, MIB)
      .equals(before.subarray(0, MIB)),
  ).toBe(true);
  expect(existsSync(plain)).toBe(true);
  // Killed before it could be recorded, it finds that all is done.
  expect(await kind.create(encrypt.inputs, context)).toEqual(made.record('encrypt.crypt').outputs);
});
