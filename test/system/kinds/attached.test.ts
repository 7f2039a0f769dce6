import { execFileSync } from 'node:child_process';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LoopAttachment } from '../../../src/kinds/disk-inputs.ts';
import { listLoops } from '../../../src/kinds/loop.ts';
import { kernelKnows, mountPoints } from '../../../src/kinds/mount-filesystem.ts';
import { cutOut, expectedTree, placed, run, withMounted } from './checks.ts';
import { MiniEngine, machineState } from './harness.ts';
import { multiFilesystems } from './layouts.ts';
import { describeTree, makeTree } from './tree-fixture.ts';

let tree: string;
const engines: MiniEngine[] = [];

function engine(blockDevice = multiFilesystems('gpt')): MiniEngine {
  const made = new MiniEngine({ blockDevice, tree, realisation: 'attached', outputs: [{ format: 'raw' }] });
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

/** Clamping is for the offline realisation: here the kernel writes the times of the tree as they are. */
function treeWithoutClamp(hidden: readonly string[]): string {
  return expectedTree(tree, hidden, { clamp: false });
}

describe.each(['ext4', 'xfs', 'btrfs'])('attached disk with root on %s', (root) => {
  it('holds the whole tree, each part in its file system, and every checker is content', async () => {
    const made = await engine(multiFilesystems('gpt', { root })).apply();
    const file = made.file();
    const piece = cutOut(file, placed(made, 'root'), join(made.paths.scratch, 'root'));
    const [checker, ...args] = CHECKERS[root] as readonly [string, ...string[]];
    run(checker, ...args, piece);
    run('e2fsck', '-fn', `${file}?offset=${placed(made, 'var').offset}`);
    expect(withMounted(file, placed(made, 'root'), describeTree)).toBe(treeWithoutClamp(['var', 'boot/efi']));
    expect(withMounted(file, placed(made, 'var'), describeTree)).toBe(expectedTree(join(tree, 'var'), [], { clamp: false }));
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
  const made = engine();
  const copy = made.resources.find(({ address }) => address === 'tree.root');
  await made.apply();
  if (copy === undefined) throw new Error('no tree.root');
  await made.create(copy);
  expect(withMounted(made.file(), placed(made, 'root'), describeTree)).toBe(treeWithoutClamp(['var', 'boot/efi']));
});

it('attaches and mounts everything for inspection, and takes it away again', async () => {
  const made = await engine().apply();
  for (const { address } of made.resources) await made.attach(address);
  expect(describeTree(join(made.paths.work, 'mnt/var'))).toBe(expectedTree(join(tree, 'var'), [], { clamp: false }));
  const mounted = (await mountPoints()).includes(join(made.paths.work, 'mnt/boot/efi'));
  expect(mounted).toBe(await kernelKnows('vfat'));
  expect(made.messages.includes('/boot/efi is not mounted: this kernel has no vfat driver')).toBe(!mounted);
  // The same again changes nothing.
  const before = run('losetup', '-a');
  for (const { address } of made.resources) await made.attach(address);
  expect(run('losetup', '-a')).toBe(before);
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
  run('losetup', '-d', attachment.device);
  const other = join(made.paths.scratch, 'other.raw');
  run('truncate', '-s', '64M', other);
  run('losetup', attachment.device, other);
  try {
    const mkfs = made.resources.find(({ address }) => address === 'mkfs.mkfs_root');
    if (mkfs === undefined) throw new Error('no mkfs.mkfs_root');
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
  const mounted = join(made.paths.scratch, 'busy');
  run('mkdir', mounted);
  run('mount', device, mounted);
  try {
    await expect(made.detach('partition.var')).rejects.toThrow(`Cannot detach \`${device}\`: still in use`);
  } finally {
    execFileSync('umount', [mounted]);
    await made.detach('partition.var');
  }
});
