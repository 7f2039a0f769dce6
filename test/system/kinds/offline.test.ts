import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sha256File } from '../../../src/kinds/disk-file.ts';
import { cutOut, expectedTree, placed, run, withMounted } from './checks.ts';
import { EPOCH, MiniEngine, machineState } from './harness.ts';
import { multiFilesystems, PLAIN } from './layouts.ts';
import { describeTree, makeTree } from './tree-fixture.ts';

let tree: string;
const engines: MiniEngine[] = [];

function engine(...args: ConstructorParameters<typeof MiniEngine>): MiniEngine {
  const made = new MiniEngine(...args);
  engines.push(made);
  return made;
}

beforeAll(() => {
  tree = makeTree();
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));
afterEach(async () => {
  while (engines.length > 0) await engines.pop()?.close();
  expect(await machineState()).toBe('');
});

describe.each(['gpt', 'mbr'] as const)('offline disk with several file systems (%s)', (label) => {
  it('holds the whole tree, each part in its file system, and every checker is content', async () => {
    const made = await engine({ blockDevice: multiFilesystems(label), tree }).apply();
    const file = made.file();
    const root = placed(made, 'root');
    run('e2fsck', '-fn', `${file}?offset=${root.offset}`);
    run('e2fsck', '-fn', `${file}?offset=${placed(made, 'var').offset}`);
    expect(withMounted(file, root, describeTree)).toBe(expectedTree(tree, ['var', 'boot/efi']));
    expect(withMounted(file, placed(made, 'var'), describeTree)).toBe(expectedTree(join(tree, 'var'), []));
    expect(run('sfdisk', '--json', file)).toContain(`"label": "${label === 'gpt' ? 'gpt' : 'dos'}"`);
  });

  it('fills the ESP and makes the swap area', async () => {
    const made = await engine({ blockDevice: multiFilesystems(label), tree }).apply();
    const esp = cutOut(made.file(), placed(made, 'ESP'), join(made.paths.scratch, 'esp'));
    run('fsck.vfat', '-n', esp);
    expect(run('mdir', '-b', '-/', '-i', esp, '::').split('\n').sort().join('\n').trim()).toBe(
      '::/EFI/\n::/EFI/BOOT/\n::/EFI/BOOT/BOOTX64.EFI\n::/EFI/BOOT/grub.cfg',
    );
    expect(run('mtype', '-i', esp, '::/EFI/BOOT/grub.cfg')).toBe('cfg\n');
    const swap = cutOut(made.file(), placed(made, 'swap'), join(made.paths.scratch, 'swap'));
    const { label: name, uuid } = made.inputs<{ label: string; uuid: string }>('mkfs.mkfs_swap');
    expect(run('blkid', '-p', '-o', 'export', swap)).toContain(`LABEL=${name}\nUUID=${uuid}\n`);
  });

  it('gives the same bytes twice, from a copy of the tree made later', async () => {
    const copy = `${tree}-copy`;
    const first = await engine({ blockDevice: multiFilesystems(label), tree }).apply();
    run('cp', '-a', tree, copy);
    try {
      const second = await engine({ blockDevice: multiFilesystems(label), tree: copy }).apply();
      expect(await sha256File(second.file())).toBe(await sha256File(first.file()));
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });
});

it('makes a file system on a whole disk, with holes kept and times clamped', async () => {
  const made = await engine({ blockDevice: PLAIN, tree }).apply();
  run('e2fsck', '-fn', made.file());
  withMounted(made.file(), { offset: 0, length: 256 * 1024 * 1024 }, (directory) => {
    expect(describeTree(directory)).toBe(expectedTree(tree, []));
    expect(Number(run('stat', '-c', '%b', join(directory, 'var/sparse')))).toBeLessThanOrEqual(16);
    expect(run('stat', '-c', '%Y %Z %W', join(directory, 'etc/hostname')).trim()).toBe(`${EPOCH} ${EPOCH} ${EPOCH}`);
    expect(run('stat', '-c', '%Y', join(directory, 'etc/shadow')).trim()).toBe('1600000000');
  });
});

it('makes file systems for sectors of 4096 bytes', async () => {
  const made = await engine({ blockDevice: multiFilesystems('gpt', { blockSize: 4096 }), tree }).apply();
  expect(run('dumpe2fs', '-h', `${made.file()}?offset=${placed(made, 'var').offset}`)).toMatch(/Block size: +4096/);
  const device = run('losetup', '-f', '--show', '-r', '--sector-size', '4096', made.file()).trim();
  try {
    expect(run('sgdisk', '--verify', device)).toContain('No problems found');
  } finally {
    run('losetup', '-d', device);
  }
  run('fsck.vfat', '-n', cutOut(made.file(), placed(made, 'ESP'), join(made.paths.scratch, 'esp')));
});

it('creates again over what an interrupted or older run left', async () => {
  const made = await engine({ blockDevice: multiFilesystems('gpt'), tree }).apply();
  const before = await sha256File(made.file());
  const { offset } = placed(made, 'root');
  run(
    'dd',
    'if=/dev/urandom',
    `of=${made.file()}`,
    'bs=1M',
    'count=20',
    'conv=notrunc',
    'oflag=seek_bytes',
    `seek=${offset + 1e6}`,
    'status=none',
  );
  for (const resource of made.resources)
    if (resource.kind === 'mkfs' || resource.kind === 'partitioning') await made.create(resource);
  expect(await sha256File(made.file())).toBe(before);
});

it('destroys and recreates parts without leaving old bytes', async () => {
  const made = await engine({ blockDevice: multiFilesystems('mbr'), tree }).apply();
  for (const { address, kind } of [...made.resources].reverse()) {
    if (kind !== 'local_loop') await made.kind(kind).destroy(made.record(address), made.context(address));
  }
  expect(Number(run('stat', '-c', '%b', made.file()))).toBeLessThan(64);
  const { localLoop } = { localLoop: made.kind('local_loop') };
  await localLoop.destroy(made.record('local_loop.image0'), made.context('local_loop.image0'));
  expect(await localLoop.probe(made.record('local_loop.image0'), made.paths)).toEqual({ state: 'absent' });
});

it('makes mount points that the tree lacks', async () => {
  const blockDevice = multiFilesystems('gpt').concat([
    { local_loop: { name: 'data', size: '64MiB' } },
    { mkfs: { base: 'data', name: 'mkfs_data', type: 'ext4', label: 'data', mount: { mount_point: '/srv/deep/data' } } },
  ]);
  const made = await engine({ blockDevice, tree }).apply();
  run('e2fsck', '-fn', `${made.file()}?offset=${placed(made, 'root').offset}`);
  expect(run('debugfs', '-R', 'stat /srv/deep/data', `${made.file()}?offset=${placed(made, 'root').offset}`)).toContain(
    'Type: directory',
  );
  run('e2fsck', '-fn', made.file('data'));
});

it('says how much is needed when the tree does not fit', async () => {
  const blockDevice = [
    { local_loop: { name: 'image0', size: '4MiB' } },
    { mkfs: { base: 'image0', name: 'r', type: 'ext4', label: 'root', mount: { mount_point: '/' } } },
  ];
  const big = makeTree();
  try {
    run('dd', 'if=/dev/urandom', `of=${big}/usr/big`, 'bs=1M', 'count=10', 'status=none');
    await expect(engine({ blockDevice, tree: big }).apply()).rejects.toThrow(
      /^Not enough space: the ext4 file system has 4 MiB, its content alone needs 11 MiB$/,
    );
  } finally {
    rmSync(big, { recursive: true, force: true });
  }
});
