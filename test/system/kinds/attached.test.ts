import { closeSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LoopAttachment } from '../../../src/kinds/disk-inputs.ts';
import type { Resource } from '../../../src/kinds/kind.ts';
import { listLoops } from '../../../src/kinds/loop.ts';
import { isMounted, kernelKnows } from '../../../src/kinds/mount-filesystem.ts';
import { cutOut, expectedTree, placed, run, withMounted } from './checks.ts';
import { MiniEngine, machineState } from './harness.ts';
import { multiFilesystems } from './layouts.ts';
import { describeTree, makeTree } from './tree-fixture.ts';

let tree: string;
const engines: MiniEngine[] = [];

function engine(blockDevice = multiFilesystems('gpt'), realisation: 'attached' | 'offline' = 'attached'): MiniEngine {
  const made = new MiniEngine({ blockDevice, tree, realisation, outputs: [{ format: 'raw' }] });
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

const CHECKERS: Record<string, readonly string[]> = {
  ext4: ['e2fsck', '-fn'],
  xfs: ['xfs_repair', '-n', '-f'],
  btrfs: ['btrfs', 'check', '--readonly'],
};

const HIDDEN = ['var', 'boot/efi'];

/** Times are clamped in what is filled as a file; through a mount, the kernel writes those of the tree as they are. */
const CLAMPED: Readonly<Record<string, boolean>> = { ext4: true, xfs: false, btrfs: false };

function resourceOf(made: MiniEngine, address: string): Resource {
  const found = made.resources.find((each) => each.address === address);
  if (found === undefined) throw new Error(`no ${address}`);
  return found;
}

describe.each(['ext4', 'xfs', 'btrfs'])('attached disk with root on %s', (root) => {
  it('holds the whole tree, each part in its file system, and every checker is content', async () => {
    const made = await engine(multiFilesystems('gpt', { root })).apply();
    const file = made.file();
    const piece = cutOut(file, placed(made, 'root'), join(made.paths.scratch, 'root'));
    const [checker, ...args] = CHECKERS[root] as readonly [string, ...string[]];
    run(checker, ...args, piece);
    run('e2fsck', '-fn', `${file}?offset=${placed(made, 'var').offset}`);
    expect(withMounted(file, placed(made, 'root'), describeTree)).toBe(
      expectedTree(tree, HIDDEN, { clamp: CLAMPED[root] as boolean }),
    );
    expect(withMounted(file, placed(made, 'var'), describeTree)).toBe(expectedTree(join(tree, 'var'), []));
    const esp = cutOut(file, placed(made, 'ESP'), join(made.paths.scratch, 'esp'));
    run('fsck.vfat', '-n', esp);
    expect(run('mtype', '-i', esp, '::/EFI/BOOT/grub.cfg')).toBe('cfg\n');
    expect(
      run('blkid', '-p', '-o', 'value', '-s', 'TYPE', cutOut(file, placed(made, 'swap'), join(made.paths.scratch, 'swap'))),
    ).toBe('swap\n');
    expect(run('blkid', '-p', '-o', 'value', '-s', 'UUID', piece).trim()).toBe(
      made.inputs<{ uuid: string }>('mkfs.mkfs_root')['uuid'],
    );
    expect(statSync(join(made.paths.image, 'web.raw')).blocks * 512).toBeLessThan(200 * 1024 * 1024);
  });
});

it('copies into a file system again after an interrupted copy', async () => {
  const made = await engine(multiFilesystems('gpt', { root: 'xfs' })).apply();
  await made.create(resourceOf(made, 'tree.root'));
  expect(withMounted(made.file(), placed(made, 'root'), describeTree)).toBe(expectedTree(tree, HIDDEN, { clamp: false }));
});

describe('what is filled as a file before it is written to its device', () => {
  it('is the same to the byte as in a disk that is never attached, and as sparse', async () => {
    const [attached, offline] = [await engine().apply(), await engine(multiFilesystems('gpt'), 'offline').apply()];
    expect(attached.resources.map(({ address }) => address)).not.toContain('tree.root');
    run('cmp', attached.file(), offline.file());
    const [space, least] = [attached, offline].map((made) => statSync(made.file()).blocks * 512) as [number, number];
    expect(space, 'bytes that the disk takes up').toBeLessThan(least + 16 * 1024 ** 2);
  });

  it('has nothing of what the device held before, and leaves its neighbours alone', async () => {
    const made = await engine().apply();
    const before = join(made.paths.scratch, 'before.raw');
    run('cp', '--sparse=always', made.file(), before);
    for (const name of ['ESP', 'swap', 'var', 'root']) {
      const { offset } = placed(made, name);
      run(
        'dd',
        'if=/dev/urandom',
        `of=${made.file()}`,
        'bs=1M',
        'count=8',
        `seek=${offset / 1024 ** 2}`,
        'conv=notrunc',
        'status=none',
      );
    }
    for (const name of ['ESP', 'swap', 'var', 'root']) await made.create(resourceOf(made, `mkfs.mkfs_${name}`));
    for (const name of ['ESP', 'var', 'root']) {
      const [now, then] = [made.file(), before].map((file, index) =>
        cutOut(file, placed(made, name), join(made.paths.scratch, `${name}${index}`)),
      );
      run('cmp', now as string, then as string);
    }
    const { offset, length } = placed(made, 'swap');
    expect(run('blkid', '-p', '-O', String(offset), '-S', String(length), '-o', 'value', '-s', 'TYPE', made.file())).toBe(
      'swap\n',
    );
    const { offset: first } = placed(made, 'ESP');
    run('cmp', `--bytes=${first}`, made.file(), before);
  });
});

it('attaches and mounts everything for inspection, and takes it away again', async () => {
  const made = await engine().apply();
  for (const { address } of made.resources) await made.attach(address);
  expect(describeTree(join(made.paths.work, 'mnt/var'))).toBe(expectedTree(join(tree, 'var'), []));
  const mounted = await isMounted(made, join(made.paths.work, 'mnt/boot/efi'));
  expect(mounted).toBe(await kernelKnows(made, 'vfat'));
  expect(made.messages.includes('/boot/efi is not mounted: this kernel has no vfat driver')).toBe(!mounted);
  // The same again changes nothing.
  const before = await machineState();
  for (const { address } of made.resources) await made.attach(address);
  expect(await machineState()).toBe(before);
  for (const { address } of [...made.resources].reverse()) await made.detach(address);
  expect(await machineState()).toBe('');
});

it('detaches from the marker alone, and after the file was deleted', async () => {
  const made = await engine().apply();
  const disk = 'local_loop.image0';
  const outputs = (await made.attach(disk)) as LoopAttachment;
  const slice = (await made.attach('partition.root')) as LoopAttachment;
  const { device: _, ...marker } = slice;
  made.setAttachment('partition.root', { status: 'attaching', bootId: 'now', outputs: {}, marker });
  rmSync(made.file());
  await made.detach('partition.root');
  expect((await listLoops(made)).map(({ device }) => device)).not.toContain(slice.device);
  made.setAttachment(disk, {
    status: 'attaching',
    bootId: 'now',
    outputs: {},
    marker: { file: outputs.file, dev: outputs.dev, ino: outputs.ino },
  });
  await made.detach(disk);
  await made.detach(disk);
});

it('does not write to a loop device that shows another file', async () => {
  const made = await engine().apply();
  const attachment = (await made.attach('partition.root')) as LoopAttachment;
  // Whoever holds its lock has it open, and so keeps it.
  await (await made.context('partition.root').machine()).release?.(attachment.device);
  run('losetup', '-d', attachment.device);
  const other = join(made.paths.scratch, 'other.raw');
  run('truncate', '-s', '64M', other);
  run('losetup', attachment.device, other);
  try {
    const mkfs = resourceOf(made, 'mkfs.mkfs_root');
    await expect(made.kind('mkfs').create(mkfs.inputs, made.context('mkfs.mkfs_root'))).rejects.toThrow(
      `\`${attachment.device}\` does not show \`${made.file()}\` any more`,
    );
    expect(run('stat', '-c', '%b', other)).toBe('0\n');
  } finally {
    run('losetup', '-d', attachment.device);
    await made.detach('partition.root');
  }
});

it('says which loop device is busy and how to find out why', async () => {
  const made = await engine().apply();
  const { device } = (await made.attach('partition.var')) as LoopAttachment;
  // Open, not mounted: a mount would live on in mount namespaces that others on this machine make meanwhile.
  const open = openSync(device, 'r');
  try {
    await expect(made.detach('partition.var')).rejects.toThrow(`Cannot detach \`${device}\`: still in use`);
  } finally {
    closeSync(open);
    await made.detach('partition.var');
  }
});
