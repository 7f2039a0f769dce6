import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, readFileSync, symlinkSync, unlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { validatePlan } from '../../../src/generated/validate-plan.ts';
import { LoopDisk, type LoopDiskOptions } from '../../support/loop-disk.ts';
import { asOrdinaryUser, ordinaryUserIds } from '../../support/privileges.ts';
import { Project, rootPartition, smallImage, tinyImage } from './project.ts';

const MIB = 1024 ** 2;

let project: Project;
let disk: LoopDisk;
beforeEach(() => {
  project = new Project();
});
afterEach(() => {
  try {
    project.remove();
  } finally {
    disk.remove();
  }
});

/** An image that goes onto the disk, with an ESP and a root file system. Where a run is killed in the middle of something, it is Debian. */
function image(
  more: Record<string, unknown> = {},
  { wipe, espSize = '64MiB', type = 'ext4', debian = false }: ImageOptions = {},
) {
  const esp = {
    name: 'esp',
    type: 'EF00',
    size: espSize,
    mkfs: { type: 'vfat', mount: { mount_point: '/boot/efi', fstab: {} } },
  };
  const { outputs: _, ...tree } = debian ? smallImage() : tinyImage();
  return {
    ...tree,
    block_device: [
      { disk: { name: 'target', path: disk.path, ...(wipe === undefined ? {} : { wipe }) } },
      { partitioning: { base: 'target', label: 'gpt', partitions: [esp, rootPartition(type)] } },
    ],
    ...more,
  };
}

interface ImageOptions {
  readonly wipe?: boolean;
  readonly espSize?: string;
  readonly type?: string;
  readonly debian?: boolean;
}

function plug(options: LoopDiskOptions = {}): LoopDisk {
  disk = new LoopDisk(options).plug();
  return disk;
}

/** What the disk holds is whole, and as the plan has it. */
function expectInstalled({ debian = false } = {}): void {
  const { disks } = planned();
  const { label, partitions } = disk.table();
  const segments = disks[0]?.segments.map(({ start, length }) => ({ offset: start, length }));
  expect({ label, partitions }).toEqual({ label: 'gpt', partitions: segments });
  const esp = disk.extract(0);
  execFileSync('fsck.vfat', ['-n', esp], { stdio: 'pipe' });
  const root = disk.extract(1);
  execFileSync('e2fsck', ['-f', '-n', root], { stdio: 'pipe' });
  const cat = (path: string) => execFileSync('debugfs', ['-R', `cat ${path}`, root], { encoding: 'utf8', stdio: 'pipe' });
  if (debian) expect(cat('/usr/lib/os-release')).toContain('VERSION_CODENAME=bookworm');
  else expect(cat('/data/a')).toBe('a'.repeat(300_000));
}

interface PlannedDisk {
  readonly address: string;
  readonly size?: number;
  readonly segments: readonly { readonly start?: number; readonly length?: number }[];
  readonly device?: Readonly<Record<string, unknown>>;
}

function planned(args: readonly string[] = []): { readonly disks: readonly PlannedDisk[]; readonly warnings: readonly string[] } {
  const plan = JSON.parse(project.run(['plan', '--json', ...args]).stdout) as ReturnType<typeof planned>;
  if (!validatePlan(plan)) throw new Error(`not a plan: ${JSON.stringify(validatePlan.errors)}`);
  return plan;
}

function refusal(args: readonly string[], status = 1): string {
  const { stderr } = project.run(args, { status });
  return /error\[(DIB_[A-Z_]+)\]/.exec(stderr)?.[1] ?? stderr;
}

/** Runs dib on a terminal of its own, and answers each question when it stands there. */
async function onTerminal(args: readonly string[], answers: readonly (readonly [question: string, answer: string])[]) {
  const command = [process.execPath, new URL('../../../bin/dib.js', import.meta.url).pathname, ...args].join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: project.directory,
    env: project.env(),
  });
  let output = '';
  let read = 0;
  const left = [...answers];
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    const next = left[0];
    if (next === undefined || !output.slice(read).includes(next[0])) return;
    read = output.length;
    left.shift();
    child.stdin.write(next[1]);
  });
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { status, output };
}

describe('an image is written to a disk of the machine', () => {
  test('planned where the disk is not, applied where it is; again without a question as long as nobody used it', () => {
    disk = new LoopDisk();
    project.write(image());
    const away = planned(['--out', 'saved.plan']);
    expect(away.disks[0]).toMatchObject({ address: 'disk.target', device: { path: disk.path, present: false } });
    expect(away.disks[0]?.size).toBeUndefined();
    expect(away.warnings).toEqual([`The disk \`${disk.path}\` is not on this machine. What depends on it is known after apply.`]);
    expect(refusal(['apply', '--auto-approve'])).toBe('DIB_DISK_ABSENT');
    disk.plug();
    const { stdout } = project.run(['apply', 'saved.plan']);
    expect(stdout).toContain(`Written to:\n  ${disk.path} (200 MiB)`);
    expectInstalled();
    expect(project.planned()).toEqual([]);
    expect(existsSync(project.path('small.qcow2'))).toBe(false);
    expect(planned().disks[0]).toMatchObject({
      size: 200 * MIB,
      device: { present: true, node: disk.node, wwid: disk.file, ours: true, lost: false },
    });

    project.write(image({}, { espSize: '66MiB' }));
    project.apply();
    expectInstalled();
    const before = disk.sha256();
    const destroyed = project.destroy().stdout;
    expect(destroyed).toContain(`will be forgotten: what is on ${disk.path} stays as it is`);
    expect(disk.sha256()).toBe(before);
    // The state that knew it is gone.
    expect(refusal(['plan'])).toBe('DIB_DISK_NOT_EMPTY');
  });

  test('what was used since is somebody’s: it has to be given up by name', async () => {
    plug();
    project.write(image());
    project.apply();
    disk.showPartitions();
    const root = `${disk.node}p2`;
    const unmount = disk.mount(root);
    expect(refusal(['plan', '--replace', 'disk.target'])).toBe('DIB_DISK_IN_USE');
    unmount();
    disk.hidePartitions();
    expect(project.planned()).toEqual([]);
    expect(refusal(['plan', '--replace', 'disk.target'])).toBe('DIB_DISK_NOT_EMPTY');

    project.write(image({}, { wipe: true, espSize: '66MiB' }));
    const { warnings, disks } = planned(['--out', 'saved.plan']);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^Everything on .* will be lost: gpt with 2 partitions: vfat "MKFS_ESP", ext4 "cloudimg-rootfs"\.$/,
    );
    expect(disks[0]?.device).toMatchObject({ lost: true, ours: false });
    const before = disk.sha256();
    expect(refusal(['apply', '--auto-approve'], 64)).toBe('DIB_CLI_NOT_APPROVED');
    expect(refusal(['apply', 'saved.plan'], 64)).toBe('DIB_CLI_NOT_APPROVED');
    expect(refusal(['apply', '--auto-approve', '--wipe-device', '/dev/vda'], 64)).toBe('DIB_CLI_WIPE_DEVICE');
    const wrong = await onTerminal(
      ['apply'],
      [
        ["Only 'yes'", 'yes\r'],
        ['Type by-id-4711', 'yes\r'],
      ],
    );
    expect(wrong).toMatchObject({ status: 1, output: expect.stringContaining('is not the name of the disk') });
    const nothing = await onTerminal(
      ['apply'],
      [
        ["Only 'yes'", 'yes\r'],
        ['Type by-id-4711', '\x03'],
      ],
    );
    expect(nothing).toMatchObject({ status: 130, output: expect.stringContaining('Nothing was changed') });
    expect(disk.sha256()).toBe(before);
    const right = await onTerminal(
      ['apply'],
      [
        ["Only 'yes'", 'yes\r'],
        ['Type by-id-4711', 'by-id-4711\r'],
      ],
    );
    expect(right).toMatchObject({ status: 0, output: expect.stringContaining('Apply complete!') });
    expectInstalled();
  });

  test('a disk of 4096-byte sectors full of random bytes: nothing of them shows in what is made', () => {
    plug({ sectorSize: 4096, random: true });
    project.write(image());
    expect(refusal(['plan'])).toBe('DIB_DISK_NOT_EMPTY');
    // mke2fs would discard the free space; not every disk can.
    const root = rootPartition();
    const made = { ...root, mkfs: { ...(root['mkfs'] as object), opts: '-E nodiscard' } };
    const esp = {
      name: 'esp',
      type: 'EF00',
      size: '64MiB',
      mkfs: { type: 'vfat', mount: { mount_point: '/boot/efi', fstab: {} } },
    };
    const block_device = [
      { disk: { name: 'target', path: disk.path, wipe: true } },
      { partitioning: { base: 'target', label: 'gpt', partitions: [esp, made] } },
    ];
    project.write(image({ block_device }));
    expect(planned().disks[0]).toMatchObject({ device: { holds: 'data of an unknown kind' } });
    project.apply(['--wipe-device', disk.node]);
    expectInstalled();
    // Free space was not written to: all of a disk would take hours.
    const place = disk.table().partitions[1] as { offset: number; length: number };
    expect(disk.read(place.offset + place.length - 32 * MIB, 4096).some((byte) => byte !== 0)).toBe(true);
  });

  test('a mounted file system type, through loop devices on the disk', () => {
    plug({ size: 500 });
    project.write(image({}, { type: 'xfs' }));
    project.apply();
    const root = disk.table().partitions[1] as { offset: number };
    const found = execFileSync('blkid', ['--probe', '--offset', String(root.offset), '--match-tag', 'TYPE', disk.node], {
      encoding: 'utf8',
    });
    expect(found).toContain('TYPE="xfs"');
    execFileSync('xfs_repair', ['-n', disk.extract(1)], { stdio: 'pipe' });
    const loops = execFileSync('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE'], { encoding: 'utf8' });
    expect(loops).not.toContain(disk.node);
  });

  test('old signatures do not come back, wherever they stood', () => {
    plug({ size: 1000 });
    disk.partition('label: gpt', 'start=1MiB, size=100MiB', 'size=200MiB', 'size=150MiB');
    const [first, second, third] = disk.table().partitions as { offset: number; length: number }[];
    disk.showPartitions();
    execFileSync('mkfs.ext4', ['-q', '-L', 'first', `${disk.node}p1`]);
    execFileSync('pvcreate', ['--quiet', '--devices', `${disk.node}p2`, `${disk.node}p2`], { stdio: 'pipe' });
    execFileSync('mkfs.btrfs', ['--quiet', '--force', `${disk.node}p3`], { stdio: 'pipe' });
    disk.hidePartitions();
    const blank = (name: string, place: typeof first) => ({ name, size: `${(place?.length ?? 0) / MIB}MiB`, type: '8300' });
    const partitions = [blank('a', first), blank('b', second), blank('c', third), rootPartition()];
    project.write(
      image(
        {
          block_device: [
            { disk: { name: 'target', path: disk.path, wipe: true } },
            { partitioning: { base: 'target', label: 'gpt', partitions } },
          ],
        },
        {},
      ),
    );
    expect(planned().warnings[0]).toContain('gpt with 3 partitions: ext4 "first", LVM physical volume, btrfs');
    project.apply(['--wipe-device', disk.path]);
    const probe = (place: typeof first) =>
      spawnSync('blkid', ['--probe', '--offset', String(place?.offset), '--size', String(place?.length), disk.node]).status;
    expect([first, second, third].map(probe)).toEqual([2, 2, 2]);
  });
});

describe('a disk is left alone', () => {
  /** Neither plan nor apply takes the disk, not even to wipe it, and what `content` gives stays as it is. */
  function refused(code: string, content: () => string): void {
    const before = content();
    for (const wipe of code === 'DIB_DISK_NOT_EMPTY' ? [false] : [false, true]) {
      project.write(image({}, { wipe }));
      expect(refusal(['plan'])).toBe(code);
      expect(refusal(['apply', '--auto-approve', ...(wipe ? ['--wipe-device', disk.path] : [])])).toBe(code);
    }
    expect(content()).toBe(before);
  }

  const CASES: readonly [string, string, (() => () => void) | (() => undefined)][] = [
    [
      'mounted',
      'DIB_DISK_IN_USE',
      () => {
        execFileSync('mkfs.ext4', ['-q', disk.node]);
        return disk.mount(disk.node, '--read-only');
      },
    ],
    [
      'shown by a loop device of somebody else',
      'DIB_DISK_IN_USE',
      () => {
        const loop = execFileSync('losetup', ['--find', '--show', '--offset', '4096', disk.node], { encoding: 'utf8' }).trim();
        return () => execFileSync('losetup', ['--detach', loop]);
      },
    ],
    ['not empty', 'DIB_DISK_NOT_EMPTY', () => void execFileSync('mkswap', [disk.node], { stdio: 'pipe' })],
    [
      'gone, with a file in its place',
      'DIB_DISK_NOT_BLOCK',
      () => {
        unlinkSync(disk.path);
        symlinkSync('/etc/hostname', disk.path);
        return undefined;
      },
    ],
  ];
  test.each(CASES)('%s', (_, code, prepare) => {
    plug();
    const undo = prepare();
    try {
      refused(code, () => disk.sha256());
    } finally {
      undo?.();
    }
  });

  test('with a partition that is swapped to', () => {
    plug();
    disk.partition('label: dos', 'size=50MiB');
    disk.showPartitions();
    execFileSync('mkswap', [`${disk.node}p1`], { stdio: 'pipe' });
    execFileSync('swapon', [`${disk.node}p1`]);
    try {
      // The kernel may put pages behind the header.
      refused('DIB_DISK_IN_USE', () => disk.sha256({ length: MIB + 4096 }));
    } finally {
      execFileSync('swapoff', [`${disk.node}p1`]);
    }
  });

  test('read-only', () => {
    plug({ readOnly: true });
    project.write(image());
    expect(refusal(['plan'])).toBe('DIB_DISK_READ_ONLY');
  });

  test('the one that this machine runs from, always', () => {
    disk = new LoopDisk();
    const [node = ''] = execFileSync('findmnt', ['--noheadings', '--output', 'SOURCE', '/'], { encoding: 'utf8' })
      .trim()
      .split('[');
    symlinkSync(node, disk.path);
    for (const wipe of [false, true]) {
      project.write(image({}, { wipe }));
      expect(refusal(['plan'])).toBe('DIB_DISK_HOST_ROOT');
      expect(refusal(['apply', '--auto-approve', '--wipe-device', disk.path])).toBe('DIB_DISK_HOST_ROOT');
    }
  });

  test('declared twice, by two names', () => {
    plug();
    const other = disk.link('by-path-2');
    project.write(
      image({
        block_device: [
          { disk: { name: 'one', path: disk.path, mkfs: { type: 'ext4', mount: { mount_point: '/', fstab: {} } } } },
          { disk: { name: 'two', path: other, mkfs: { type: 'ext4', mount: { mount_point: '/srv', fstab: {} } } } },
        ],
      }),
    );
    expect(refusal(['plan'])).toBe('DIB_DISK_TWICE');
  });

  test('by whoever may not even read it', () => {
    plug();
    project.write(image());
    const { uid, gid } = ordinaryUserIds();
    chownSync(project.directory, uid, gid);
    const asUser = { prefix: asOrdinaryUser(), env: { HOME: project.directory, DIB_IMAGE_CACHE: `${project.directory}/cache` } };
    const { stdout } = project.run(['plan'], asUser);
    expect(stdout).toContain('contents unknown: this user may not read it');
    expect(stdout).toMatch(/worker host, needs root: .* is a disk of this machine/);
    expect(project.run(['apply', '--auto-approve'], { ...asUser, status: 69 }).stderr).toContain('DIB_APPLY_WORKER');
  });

  test('when the build fails before it is its turn', () => {
    plug();
    execFileSync('mkfs.ext4', ['-q', disk.node]);
    project.hook('broken', 'finalise.d/50-broken', 'exit 3');
    project.write(image({ elements: ['tiny-system', './elements/broken'] }, { wipe: true }));
    const before = disk.sha256();
    project.apply(['--wipe-device', disk.path], { status: 1 });
    expect(disk.sha256()).toBe(before);
    // That it was agreed to once says nothing of the next time.
    expect(refusal(['apply', '--auto-approve'], 64)).toBe('DIB_CLI_NOT_APPROVED');
  });

  test('when it is another one than the plan was made for', () => {
    plug();
    project.write(image());
    project.run(['plan', '--out', 'saved.plan']);
    const planned = disk;
    planned.unplug();
    const stranger = plug({ size: 300 });
    symlinkSync(stranger.node, planned.path);
    try {
      expect(refusal(['apply', 'saved.plan'])).toBe('DIB_DISK_CHANGED');
      expect(stranger.read(0, MIB).every((byte) => byte === 0)).toBe(true);
    } finally {
      unlinkSync(planned.path);
      planned.remove();
    }
  });
});

describe('a run that was killed', () => {
  test.each([
    ['right after the disk was cleared', /disk\.target: Creation complete/, 'ext4'],
    ['while the file system is made', /mkfs\.mkfs_root: Creating/, 'ext4'],
    ['while it is copied to', /tree\.root: Creating/, 'xfs'],
  ])('%s goes on without asking again, as long as the disk holds nothing else', async (_, moment, type) => {
    plug({ size: 700 });
    execFileSync('mkfs.ext4', ['-q', '-L', 'old', disk.node]);
    project.write(image({}, { wipe: true, type, debian: true }));
    const running = project.start(['apply', '--auto-approve', '--wipe-device', disk.path]);
    await running.until(moment);
    running.signal('SIGKILL');
    await running.ended;

    // Somebody takes the half-made disk for something else: then it is not ours any more.
    const copy = `${disk.file}.copy`;
    execFileSync('cp', ['--sparse=always', disk.file, copy]);
    execFileSync('wipefs', ['--all', '--quiet', '--force', disk.node]);
    execFileSync('mkfs.ext4', ['-q', '-F', '-L', 'photos', disk.node]);
    expect(refusal(['apply', '--auto-approve'], 64)).toBe('DIB_CLI_NOT_APPROVED');
    execFileSync('dd', [`if=${copy}`, `of=${disk.node}`, 'bs=4M', 'conv=notrunc,fsync', 'status=none']);

    project.write(image({}, { wipe: false, type, debian: true }));
    project.apply();
    if (type === 'ext4') expectInstalled({ debian: true });
    else execFileSync('xfs_repair', ['-n', disk.extract(1)], { stdio: 'pipe' });
    expect(readFileSync(project.path('.dib/state.json'), 'utf8')).toContain('"used"');
  });
});
