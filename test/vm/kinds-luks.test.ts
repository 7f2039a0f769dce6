import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { DibError } from '../../src/diagnostics/errors.ts';
import type { Json } from '../../src/util/json.ts';
import { useMachine } from './support/machine.ts';
import { StackEngine, type StackOptions } from './support/stack-engine.ts';

const judge = useMachine();
const engines: StackEngine[] = [];

/** Bytes that no text has: a key is taken as it is. */
const KEY = 'ge heim\n\u00ff';
const KEYS = { crypt: KEY, inner: 'another', deepest: 'a third one' };
const QUICK = { pbkdf: 'pbkdf2', iter_time: 100 };
const QUICK_ARGON = { pbkdf: 'argon2id', iter_time: 100, pbkdf_memory: 1024 };

afterEach(async () => {
  while (engines.length > 0) await engines.pop()?.destroy();
  expect(await judge.run('dmsetup', 'ls')).toBe('No devices found');
  expect(await judge.run('losetup', '--list', '--noheadings')).toBe('');
});

function engine(tree: readonly Json[], options: Partial<StackOptions> = {}): StackEngine {
  const made = new StackEngine(judge.machine(), judge.directory, tree, { realisation: 'offline', keys: KEYS, ...options });
  engines.push(made);
  return made;
}

const container = (name: string, base: string, derivation: object = QUICK) => ({
  luks: { name, base, key: 'prompt', label: `${name}_label`, ...derivation },
});

/** A container in a partition, with an ext4 file system in it. */
const PLAIN: readonly Json[] = [
  { local_loop: { name: 'disk0', size: '64MiB' } },
  { partitioning: { base: 'disk0', label: 'gpt', partitions: [{ name: 'part0', type: '8309', size: '100%' }] } },
  container('crypt', 'part0', QUICK_ARGON),
  { mkfs: { name: 'fs', base: 'crypt', type: 'ext4', uuid: '01234567-89ab-cdef-0123-456789abcdef' } },
];

/** LVM in LUKS in LVM in LUKS, over two disks. */
const NESTED: readonly Json[] = [
  { local_loop: { name: 'disk0', size: '64MiB' } },
  { local_loop: { name: 'disk1', size: '64MiB' } },
  container('crypt', 'disk0'),
  {
    lvm: {
      pvs: [
        { name: 'pv0', base: 'crypt' },
        { name: 'pv1', base: 'disk1' },
      ],
      vgs: [{ name: 'outer', base: ['pv0', 'pv1'] }],
      lvs: [{ name: 'both', base: 'outer', extents: '100%VG' }],
    },
  },
  container('inner', 'both'),
  {
    lvm: {
      pvs: [{ name: 'pv2', base: 'inner' }],
      vgs: [{ name: 'in-ner', base: ['pv2'] }],
      lvs: [{ name: 'da-ta', base: 'in-ner', extents: '100%VG' }],
    },
  },
  { mkfs: { name: 'fs', base: 'da-ta', type: 'ext4' } },
];

/** On a thin volume, in a container straight in another one, on an array. */
const ON_DEVICES: readonly Json[] = [
  { local_loop: { name: 'disk0', size: '144MiB' } },
  { local_loop: { name: 'disk1', size: '144MiB' } },
  { raid: { name: 'array', level: 1, base: ['disk0', 'disk1'] } },
  container('crypt', 'array'),
  container('inner', 'crypt'),
  {
    lvm: {
      pvs: [{ name: 'pv0', base: 'inner' }],
      vgs: [{ name: 'thin-ly', base: ['pv0'] }],
      lvs: [
        { name: 'pool', base: 'thin-ly', size: '64MiB', type: 'thin-pool' },
        { name: 'th-in', base: 'thin-ly', size: '40MiB', type: 'thin', 'thin-pool': 'pool' },
      ],
    },
  },
  container('deepest', 'th-in'),
  { mkfs: { name: 'fs', base: 'deepest', type: 'ext4' } },
];

test('a container made as a file is what cryptsetup says, holds a clean file system, and nothing in clear', async () => {
  const made = await engine(PLAIN).apply();
  expect(execFileSync('ls', [made.paths.work], { encoding: 'utf8' })).toBe('crypt.luks-plain\ndisk0.raw\n');
  expect(statSync(`${made.paths.work}/crypt.luks-plain`).size).toBe(0);
  const disk = readFileSync(`${made.paths.work}/disk0.raw`);
  expect(disk.includes('0123456789abcdef0123456789abcdef', 0, 'hex')).toBe(false);
  expect(disk.includes(KEY)).toBe(false);
  expect(JSON.stringify([...made.records.values()])).not.toContain('ge heim');
  for (const address of ['luks.crypt', 'mkfs.fs', 'encrypt.crypt'])
    expect(await made.probe(address)).toEqual({ state: 'present' });

  const device = await made.attachWithBelow('luks.crypt');
  const { uuid } = made.inputs<{ uuid: string }>('luks.crypt');
  const dump = await judge.run('cryptsetup', 'luksDump', made.device('partition.part0'));
  expect(dump).toMatch(/^Version: +\t2$/m);
  expect(dump).toContain(`UUID:          \t${uuid}`);
  expect(dump).toMatch(/^Label: +\tcrypt_label$/m);
  expect(dump).toMatch(
    /offset: 16777216 \[bytes\]\n\tlength: \(whole device\)\n\tcipher: aes-xts-plain64\n\tsector: 512 \[bytes\]/,
  );
  expect(dump).toMatch(
    /^Keyslots:\n {2}0: luks2\n(\t.*\n)*\tPBKDF: +argon2id\n\tTime cost: +\d+\n\tMemory: +1024\n(\t.*\n| {12}.*\n)*Tokens:$/m,
  );
  expect(device).toMatch(/^\/dev\/mapper\/dib-[0-9a-f]{16}$/);
  expect(await judge.run('blockdev', '--getsize64', device)).toBe(String(made.inputs('luks.crypt')['size']));
  await judge.run('e2fsck', '-fn', device);
  expect(await judge.run('blkid', '-p', '-o', 'value', '-s', 'UUID', device)).toBe('01234567-89ab-cdef-0123-456789abcdef');
});

test('LVM in LUKS in LVM in LUKS', async () => {
  const made = await engine(NESTED).apply();
  const device = await made.attachWithBelow('lvs.da-ta');
  expect(device).toBe('/dev/mapper/in--ner-da--ta');
  await judge.run('e2fsck', '-fn', device);
  expect(await judge.run('vgs', '--noheadings', '--options', 'vg_name', '--sort', 'vg_name')).toBe('  in-ner\n  outer');
});

test('as files, one straight in another, in sectors of 4096 bytes', async () => {
  const made = await engine([
    { local_loop: { name: 'disk0', size: '64MiB', block_size: 4096 } },
    container('crypt', 'disk0'),
    container('inner', 'crypt'),
    { mkfs: { name: 'fs', base: 'inner', type: 'ext4' } },
  ]).apply();
  const device = await made.attachWithBelow('luks.inner');
  expect(await judge.run('blockdev', '--getss', device)).toBe('4096');
  await judge.run('e2fsck', '-fn', device);
});

test('without its content the container is made anew, and what something else did to it shows', async () => {
  const made = await engine(PLAIN).apply('mkfs.fs');
  rmSync(`${made.paths.work}/crypt.luks-plain`);
  expect(await made.probe('luks.crypt')).toEqual({ state: 'absent' });
  await expect(made.create('encrypt.crypt')).rejects.toThrow('DIB_LUKS_CONTENT_MISSING');
  await made.apply();
  const file = `${made.paths.work}/disk0.raw`;
  expect(await made.probe('luks.crypt')).toEqual({ state: 'present' });
  execFileSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M', 'seek=1', 'count=1', 'conv=notrunc', 'status=none']);
  expect(await made.probe('luks.crypt')).toEqual({ state: 'drifted', reason: `there is no LUKS container in ${file} any more` });
});

test('attached: made on an array, on a thin volume, straight in another one; opened for looking, closed, closed again', async () => {
  const made = await engine(ON_DEVICES, { realisation: 'attached', shared: true }).apply();
  const { size } = made.inputs<{ size: number }>('luks.deepest');
  const device = await made.attachWithBelow('luks.deepest', true);
  expect(await judge.run('blockdev', '--getsize64', '--getro', device)).toBe(`${size}\n1`);
  await judge.run('e2fsck', '-fn', device);
  const name = device.slice('/dev/mapper/'.length);
  const uuid = made.inputs<{ uuid: string }>('luks.deepest').uuid.replaceAll('-', '');
  expect(await judge.run('dmsetup', 'info', '--columns', '--noheadings', '--options', 'uuid', name)).toBe(
    `CRYPT-LUKS2-${uuid}-${name}`,
  );
  await made.detach('luks.deepest');
  await made.detach('luks.deepest');
  expect(await judge.run('dmsetup', 'ls')).not.toContain(name);
  await made.attachInterrupted('luks.deepest');
  expect(await judge.run('dmsetup', 'ls')).toContain(name);
  await made.detach('luks.deepest');
  expect(await judge.run('dmsetup', 'ls')).not.toContain(name);
});

test('attached: another key does not open it', async () => {
  const made = await engine(PLAIN, { realisation: 'attached' }).apply('luks.crypt');
  const other = await engine(PLAIN, { realisation: 'attached', keys: { crypt: 'second' } }).apply('partition.part0');
  const [from, to] = [made, other].map(({ paths }) => `${paths.work}/disk0.raw`);
  execFileSync('dd', [`if=${from}`, `of=${to}`, 'bs=1M', 'conv=notrunc', 'status=none']);
  other.records.set('luks.crypt', made.record('luks.crypt'));
  const error = await other.attachWithBelow('luks.crypt').then(
    () => undefined,
    (failed: Error) => failed.cause as DibError,
  );
  expect(error?.diagnostics[0]).toMatchObject({ code: 'DIB_LUKS_KEY_WRONG', address: 'luks.crypt' });
});
