import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
// @ts-expect-error: plain JavaScript, also run by itself
import { treeManifest } from '../../support/tree-manifest.mjs';
import { disk, ODD_PACKAGES, oddFiles, Project, rootPartition, smallImage, tinyImage } from './project.ts';

// What an image with such a file system gets by itself: here in all of them, so that their trees are the same.
const FILESYSTEM_PACKAGES = ['xfsprogs', 'btrfs-progs'];

let project: Project;
beforeAll(() => {
  project = new Project(smallImage({ elements: ['./elements/odd'], packages: [...ODD_PACKAGES, ...FILESYSTEM_PACKAGES] }));
  oddFiles(project);
});
afterAll(() => project.remove());

/** What is in an image's file systems, as mounted read-only by this kernel. */
function mounted<T>(image: string, partitions: Record<string, { offset: number; size: number }>, use: (root: string) => T): T {
  const root = project.path('mnt');
  mkdirSync(root, { recursive: true });
  const points = Object.keys(partitions).sort();
  const done: string[] = [];
  try {
    for (const point of points) {
      const { offset, size } = partitions[point] as { offset: number; size: number };
      const options = `ro,loop,offset=${offset},sizelimit=${size}`;
      execFileSync('mount', ['-o', options, image, `${root}${point}`]);
      done.push(`${root}${point}`);
    }
    return use(root);
  } finally {
    for (const point of done.reverse()) execFileSync('umount', [point]);
    rmSync(root, { recursive: true });
  }
}

interface Partition {
  readonly node: string;
  readonly start: number;
  readonly size: number;
}

function partitionsOf(image: string, sector = 512): { offset: number; size: number }[] {
  const text = execFileSync('sfdisk', ['--json', image], { encoding: 'utf8' });
  const table = JSON.parse(text) as { partitiontable: { partitions: Partition[] } };
  return table.partitiontable.partitions.map(({ start, size }) => ({ offset: start * sector, size: size * sector }));
}

/** Runs the judge of a file system on a piece of an image. */
function judge(image: string, { offset, size }: { offset: number; size: number }, ...command: string[]): string {
  const piece = project.path('piece.img');
  execFileSync('dd', [
    `if=${image}`,
    `of=${piece}`,
    'bs=1M',
    'iflag=skip_bytes,count_bytes',
    `skip=${offset}`,
    `count=${size}`,
    'conv=sparse',
    'status=none',
  ]);
  execFileSync('truncate', ['-s', String(size), piece]);
  try {
    return execFileSync(command[0] as string, [...command.slice(1), piece], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } finally {
    rmSync(piece);
  }
}

const swap = (name: string) => ({
  name,
  type: '8200',
  size: '64MiB',
  mkfs: { type: 'swap', mount: { mount_point: 'none', fstab: {} } },
});

/** Builds the image with a root of a type, has it judged, and tells what is in it. */
function treeOf(type: 'ext4' | 'xfs' | 'btrfs', realisation: 'offline' | 'attached'): Record<string, string> {
  project.change({ block_device: disk('1GiB', [swap('swap0'), swap('swap1'), rootPartition(type)]), name: type });
  const asked = type === 'ext4' ? ['--realisation', realisation] : [];
  const plan = project.run(['plan', ...asked]).stdout;
  expect(plan).toContain(`local_loop.image0: ${realisation}, `);
  if (type !== 'ext4') expect(plan).toMatch(new RegExp(`attached, .*${type}`));
  project.apply(asked);
  project.expectNothingLeft();
  const image = project.path(`${type}.raw`);
  execFileSync('sfdisk', ['--verify', image], { stdio: 'ignore' });
  const root = partitionsOf(image)[2] as { offset: number; size: number };
  if (type === 'ext4') judge(image, root, 'e2fsck', '-fn');
  if (type === 'xfs') judge(image, root, 'xfs_repair', '-n', '-f');
  if (type === 'btrfs') judge(image, root, 'btrfs', 'check', '--readonly', '--force');
  const manifest = mounted(image, { '/': root }, (tree) => treeManifest(tree) as Record<string, string>);
  for (const path of Object.keys(manifest))
    if (path === 'etc/fstab' || path === 'etc/hostname' || path.startsWith('lost+found')) delete manifest[path];
  expect(Object.keys(manifest).length).toBeGreaterThan(5000);
  expect(manifest['srv/odd/with-xattr']).toContain('user.dib=');
  expect(manifest['srv/odd/capable']).toContain('security.capability=');
  expect(manifest['srv/odd/setgid']).toMatch(/^102750 4711:815 /);
  // How XFS shows POSIX ACLs a second time.
  for (const [path, line] of Object.entries(manifest)) manifest[path] = line.replace(/ ?trusted\.SGI_ACL_\w+=\w+/g, '');
  return manifest;
}

describe('attached, the same tree as offline', () => {
  let offline: Record<string, string>;
  beforeAll(() => {
    offline = treeOf('ext4', 'offline');
  });

  test.each(['ext4', 'xfs', 'btrfs'] as const)('%s', (type) => {
    expect(treeOf(type, 'attached')).toEqual(offline);
  });
});

describe('layouts and sizes, whatever the tree', () => {
  let tiny: Project;
  beforeAll(() => {
    tiny = new Project(tinyImage());
  });
  afterAll(() => tiny.remove());

  test('MBR with logical partitions, an ESP, /var and swap on two disks; sectors of 4096 bytes', () => {
    const ext4 = (point: string) => ({ type: 'ext4', mount: { mount_point: point, fstab: { options: 'defaults' } } });
    tiny.change({
      name: 'two',
      block_device: [
        { local_loop: { name: 'image0', size: '192MiB' } },
        {
          partitioning: {
            base: 'image0',
            label: 'mbr',
            partitions: [
              {
                name: 'ESP',
                type: 'ef',
                flags: ['primary'],
                size: '48MiB',
                mkfs: { type: 'vfat', mount: { mount_point: '/boot/efi', fstab: {} } },
              },
              { name: 'root', flags: ['boot', 'primary'], size: '64MiB', mkfs: ext4('/') },
              { name: 'var', size: '24MiB', mkfs: ext4('/var') },
              { name: 'log', size: '16MiB', mkfs: ext4('/var/log') },
              { name: 'swap', type: '82', size: '100%', mkfs: { type: 'swap', mount: { mount_point: 'none', fstab: {} } } },
            ],
          },
        },
        { local_loop: { name: 'data', size: '32MiB', block_size: 4096 } },
        { partitioning: { base: 'data', label: 'gpt', partitions: [{ name: 'srv', size: '100%', mkfs: ext4('/srv') }] } },
      ],
      outputs: ['raw'],
    });
    tiny.apply();
    const image = tiny.path('two.raw');
    execFileSync('sfdisk', ['--verify', image], { stdio: 'ignore' });
    const parts = partitionsOf(image);
    judge(image, parts[0] as never, 'fsck.vfat', '-n');
    const points = tiny.run(['plan', '--json']).stdout;
    expect(points).toContain('/var/log');
    tiny.expectNothingLeft();
    const second = tiny.run(['state', 'list']).stdout;
    expect(second).toContain('local_loop.data');
  });

  test('size auto, no size, the older notation, a configuration from the environment', () => {
    const outputs = ['raw'];
    const sizes: number[] = [];
    const root = { mkfs: { base: 'image0', type: 'ext4', name: 'mkfs_root', mount: { mount_point: '/', fstab: {} } } };
    for (const [name, size] of [
      ['computed', undefined],
      ['auto', 'auto'],
    ] as const) {
      tiny.change({
        name,
        outputs,
        block_device: [{ local_loop: { name: 'image0', ...(size === undefined ? {} : { size }) } }, root],
      });
      tiny.apply();
      sizes.push(readSize(tiny.path(`${name}.raw`)));
      judge(tiny.path(`${name}.raw`), { offset: 0, size: readSize(tiny.path(`${name}.raw`)) }, 'e2fsck', '-fn');
      expect(tiny.run(['plan']).stdout).toContain('No changes.');
    }
    expect(sizes[1]).toBeLessThan(sizes[0] as number);

    const legacy = [
      [['local_loop', { name: 'rootdisk', size: '48MiB' }]],
      [['mkfs', { base: 'rootdisk', name: 'mkfs_root', type: 'ext4' }]],
      [['mount', { base: 'mkfs_root', name: 'mount_root', mount_point: '/' }]],
      [['fstab', { base: 'mount_root', options: 'defaults' }]],
    ];
    tiny.change({ name: 'legacy', block_device: legacy });
    tiny.apply();
    expect(readSize(tiny.path('legacy.raw'))).toBe(48 * 1024 ** 2);

    tiny.change({ name: 'caller', block_device: undefined });
    const env = { DIB_BLOCK_DEVICE_CONFIG: JSON.stringify([{ local_loop: { name: 'image0', size: '40MiB' } }, root]) };
    tiny.apply([], { env });
    expect(readSize(tiny.path('caller.raw'))).toBe(40 * 1024 ** 2);
    expect(tiny.run(['plan'], { env }).stdout).toContain('No changes.');
    tiny.expectNothingLeft();
  });
});

test('tar: numeric owners, attributes, sorted, the same bytes again; qcow2 with zlib', () => {
  project.change({
    name: 'out',
    block_device: disk('512MiB', [rootPartition()]),
    outputs: ['tar', { format: 'qcow2', compression: 'zlib' }],
  });
  project.apply();
  const tar = (...args: string[]) =>
    execFileSync('tar', [...args, '-f', project.path('out.tar')], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const listed = tar('--list', '--verbose', '--numeric-owner', '--xattrs', '--acls');
  expect(listed).toMatch(/^-rw----r--\S* +60000\/60001 +8 \S+ \S+ \.\/srv\/odd\/(file|hard-link)$/m);
  expect(listed).toMatch(/^\S+ .*\.\/srv\/odd\/(file|hard-link) link to \.\/srv\/odd\/(file|hard-link)$/m);
  const names = tar('--list')
    .trim()
    .split('\n')
    .map((name) => name.replace(/\/$/, ''));
  const root = project.path('unpacked');
  mkdirSync(root);
  execFileSync('tar', [
    '-xpf',
    project.path('out.tar'),
    '-C',
    root,
    '--xattrs',
    '--xattrs-include=*',
    '--acls',
    '--numeric-owner',
  ]);
  const manifest = treeManifest(root) as Record<string, string>;
  expect(manifest['srv/odd/capable']).toContain('security.capability=');
  expect(manifest['srv/odd/with-acl']).toContain('system.posix_acl_access=');
  expect(manifest['srv/odd/with-xattr']).toContain('user.dib=');
  rmSync(root, { recursive: true });
  expect(names.length).toBeGreaterThan(5000);
  const { sha256 } = (JSON.parse(project.run(['state', 'show', 'output.tar']).stdout) as { outputs: { sha256: string } }).outputs;
  project.apply(['--replace', 'output.tar']);
  expect(readFileSync(project.path('out.tar.sha256'), 'utf8')).toBe(`${sha256}  out.tar\n`);

  execFileSync('qemu-img', ['check', '-q', project.path('out.qcow2')]);
  expect(execFileSync('qemu-img', ['info', project.path('out.qcow2')], { encoding: 'utf8' })).toContain('compression type: zlib');
});

test('--keep-attached: mounted below .dib for all to see until destroy', () => {
  project.apply(['--keep-attached']);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(project.directory));
  expect(mounts).toHaveLength(1);
  const point = mounts[0]?.split(' ')[4] as string;
  expect(point.startsWith(project.path('.dib'))).toBe(true);
  expect(readFileSync(`${point}/srv/odd/file`, 'utf8')).toBe('content\n');
  expect(execFileSync('losetup', ['--all'], { encoding: 'utf8' })).toContain(project.path('.dib/work'));
  expect(project.run(['state', 'list']).stdout).toMatch(/mount\.mount_mkfs_root \(attached\)/);
  project.run(['plan']);
  expect(project.destroy().stdout).toContain('Destroy complete!');
  project.expectNothingLeft();
});

function readSize(file: string): number {
  return Number(execFileSync('stat', ['-c', '%s', file], { encoding: 'utf8' }));
}
