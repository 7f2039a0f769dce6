import { describe, expect, it } from 'vitest';
import type { StackLayout } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import type { OutputConfig } from '../../../src/config/image.ts';
import { type DiskGraphInput, diskResources } from '../../../src/kinds/disk-graph.ts';
import { holdsUnknown, type Resource, UNKNOWN } from '../../../src/kinds/kind.ts';
import type { Json } from '../../../src/util/json.ts';

const LAYOUT: Json[] = [
  { local_loop: { name: 'image0', size: '1GiB' } },
  {
    partitioning: {
      base: 'image0',
      label: 'gpt',
      partitions: [
        { name: 'BSP', type: 'EF02', size: '8MiB' },
        {
          name: 'ESP',
          type: 'EF00',
          size: '64MiB',
          mkfs: { type: 'vfat', mount: { mount_point: '/boot/efi', fstab: { options: 'umask=0077' } } },
        },
        { name: 'swap', type: '8200', size: '64MiB', mkfs: { type: 'swap', mount: { mount_point: 'none', fstab: {} } } },
        { name: 'root', size: '100%', mkfs: { type: 'ext4', mount: { mount_point: '/', fstab: {} } } },
      ],
    },
  },
  { local_loop: { name: 'disk1', size: '256MiB' } },
  { mkfs: { base: 'disk1', name: 'data', type: 'ext4', mount: { mount_point: '/srv/data' } } },
];

const OUTPUTS: OutputConfig[] = [
  { format: 'qcow2', path: 'web.qcow2', compression: 'zstd', pointer: '/outputs/0' },
  { format: 'qcow2', path: 'data.qcow2', compression: 'zstd', disk: 'disk1', pointer: '/outputs/1' },
  { format: 'qcow2', path: 'again.qcow2', compression: 'none', pointer: '/outputs/2' },
  { format: 'tar', path: 'web.tar', compression: 'none', pointer: '/outputs/3' },
];

const NO_STACK: StackLayout = { disks: [], devices: [], groups: [] };

function graph(more: Partial<DiskGraphInput> = {}, raw = LAYOUT): Resource[] {
  const devices = parseBlockDevices(raw, { imageName: 'web', locate: () => undefined }).value;
  if (devices === undefined) throw new Error('layout not understood');
  const sizes = new Map(devices.disks.map(({ name, size }) => [name, typeof size === 'object' ? size.bytes : 0]));
  const stack = resolveStack(devices, sizes).value ?? NO_STACK;
  const base = { devices, stack, realisation: {}, outputs: OUTPUTS, tree: 'layer.finalise', epoch: 1, bootloader: true };
  return diskResources({ ...base, ...more });
}

function find(resources: readonly Resource[], address: string): Resource {
  const found = resources.find((each) => each.address === address);
  if (found === undefined) throw new Error(`no ${address} among ${resources.map((each) => each.address).join(', ')}`);
  return found;
}

describe('offline', () => {
  const resources = graph();

  it('has one resource for each node, named as upstream names it', () => {
    expect(resources.map(({ address }) => address)).toEqual([
      'local_loop.image0',
      'local_loop.disk1',
      'partitioning.partitioning_image0',
      'partition.BSP',
      'partition.ESP',
      'partition.swap',
      'partition.root',
      ...resources.map(({ address }) => address).filter((address) => address.startsWith('mkfs.')),
      ...resources.map(({ address }) => address).filter((address) => address.startsWith('mount.')),
      ...resources.map(({ address }) => address).filter((address) => address.startsWith('fstab.')),
      'bootloader.image0',
      'output.qcow2',
      'output.qcow2_disk1',
      'output.qcow2_2',
      'output.tar',
    ]);
    expect(
      resources
        .filter(({ kind }) => kind === 'mkfs')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['data', 'mkfs_ESP', 'mkfs_root', 'mkfs_swap']);
  });

  it('names every dependency before its dependents', () => {
    const seen = new Set(['layer.finalise']);
    for (const { address, dependsOn } of resources) {
      for (const dependency of dependsOn) expect(seen, `${address} needs ${dependency}`).toContain(dependency);
      seen.add(address);
    }
  });

  it('fills each file system from its part of the tree', () => {
    expect(find(resources, 'mkfs.mkfs_root')).toMatchObject({
      inputs: {
        device: 'partition.root',
        type: 'ext4',
        fill: { tree: 'layer.finalise', path: '/', hide: ['/boot/efi', '/srv/data'] },
      },
      dependsOn: ['partition.root', 'local_loop.image0', 'layer.finalise'],
    });
    expect(find(resources, 'mkfs.mkfs_swap').dependsOn).toEqual(['partition.swap', 'local_loop.image0']);
    expect(find(resources, 'mkfs.mkfs_swap').inputs['fill']).toBeUndefined();
    expect(find(resources, 'mkfs.data').inputs).toMatchObject({
      device: 'local_loop.disk1',
      place: [{ container: 'local_loop.disk1', offset: 0, length: 256 * 1024 ** 2 }],
      length: 256 * 1024 ** 2,
    });
  });

  it('makes what holds nothing of the tree before the date of the mirror is known', () => {
    const unknown = graph({ epoch: '(known after apply)' });
    expect(find(unknown, 'mkfs.mkfs_swap').inputs['epoch']).toBe(Date.UTC(2000, 0, 1) / 1000);
    expect(find(unknown, 'mkfs.mkfs_root').inputs['epoch']).toBe('(known after apply)');
  });

  it('makes an output when all of its disk is there, and nothing of other disks', () => {
    const { dependsOn } = find(resources, 'output.qcow2');
    expect([...dependsOn].sort()).toEqual(
      [
        'bootloader.image0',
        'local_loop.image0',
        'mkfs.mkfs_ESP',
        'mkfs.mkfs_root',
        'mkfs.mkfs_swap',
        'partitioning.partitioning_image0',
      ].sort(),
    );
    expect(find(resources, 'output.qcow2_disk1').dependsOn).toEqual(['local_loop.disk1', 'mkfs.data']);
    expect(find(resources, 'output.tar').dependsOn).toEqual(['layer.finalise']);
  });

  it('mounts parents first', () => {
    expect(find(resources, 'mount.mount_mkfs_ESP').dependsOn).toContain('mount.mount_mkfs_root');
    expect(find(resources, 'mount.mount_data').dependsOn).toContain('mount.mount_mkfs_root');
    expect(find(resources, 'mount.mount_mkfs_root').dependsOn).toEqual(['partition.root', 'mkfs.mkfs_root']);
  });

  it('carries the line of fstab', () => {
    const { uuid } = find(resources, 'mkfs.mkfs_ESP').inputs as { uuid: string };
    expect(find(resources, 'fstab.fstab_mount_mkfs_ESP').inputs['line']).toMatch(`UUID=${uuid} /boot/efi vfat umask=0077 0 `);
  });
});

it('is complete with unknown sizes, which are told as unknown', () => {
  const unknown = graph({ stack: NO_STACK });
  expect(unknown.map(({ address }) => address)).toEqual(graph().map(({ address }) => address));
  expect(find(unknown, 'local_loop.image0').inputs).toMatchObject({ size: UNKNOWN });
  expect(find(unknown, 'partitioning.partitioning_image0').inputs).toMatchObject({ layout: UNKNOWN });
  expect(find(unknown, 'mkfs.mkfs_root').inputs).toMatchObject({ place: UNKNOWN, length: UNKNOWN, opts: UNKNOWN });
  expect(find(unknown, 'bootloader.image0').inputs).toMatchObject({ place: UNKNOWN });
  expect(holdsUnknown(find(unknown, 'output.tar').inputs)).toBe(false);
});

describe('attached', () => {
  const withRoot = (type: string) =>
    JSON.parse(
      JSON.stringify(LAYOUT).replace('"type":"ext4","mount":{"mount_point":"/"', `"type":"${type}","mount":{"mount_point":"/"`),
    );
  const attached = (type: string) => graph({ realisation: { image0: 'attached' } }, withRoot(type));

  it('copies into what cannot be filled as a file, and mounts for inspection only after that', () => {
    const resources = attached('xfs');
    expect(find(resources, 'tree.root')).toMatchObject({
      inputs: { mounts: [{ device: 'partition.root', type: 'xfs', mountPoint: '/' }], hide: ['/boot/efi', '/srv/data'] },
      dependsOn: ['layer.finalise', 'partition.root', 'mkfs.mkfs_root'],
    });
    expect(find(resources, 'mkfs.mkfs_root').inputs['fill']).toBeUndefined();
    expect(find(resources, 'mkfs.mkfs_ESP').inputs['fill']).toBeDefined();
    expect(find(resources, 'mount.mount_mkfs_root').dependsOn).toContain('tree.root');
    expect(find(resources, 'output.qcow2').dependsOn).toContain('tree.root');
    expect(find(resources, 'output.qcow2_disk1').dependsOn).not.toContain('tree.root');
    expect(find(resources, 'bootloader.image0').dependsOn).toContain('tree.root');
  });

  it('fills everything else before it is written to its device', () => {
    const resources = attached('ext4');
    expect(resources.map(({ address }) => address)).not.toContain('tree.root');
    expect(find(resources, 'mkfs.mkfs_root').inputs).toMatchObject({ fill: { path: '/' }, realisation: 'attached' });
    expect(find(resources, 'mkfs.mkfs_root').inputs['place']).toBeUndefined();
  });
});

it('has no boot loader without the element, without a table, or without a BIOS boot partition', () => {
  const kinds = (resources: Resource[]) => resources.map(({ kind }) => kind);
  expect(kinds(graph({ bootloader: false }))).not.toContain('bootloader');
  const plain: Json[] = [
    { local_loop: { name: 'image0', size: '1GiB' } },
    { mkfs: { base: 'image0', type: 'ext4', mount: { mount_point: '/' } } },
  ];
  expect(kinds(graph({ outputs: [] }, plain))).not.toContain('bootloader');
  const root = { name: 'root', size: '100%', mkfs: { type: 'ext4', mount: { mount_point: '/' } } };
  const uefi: Json[] = [plain[0] as Json, { partitioning: { base: 'image0', label: 'gpt', partitions: [root] } }];
  expect(kinds(graph({ outputs: [] }, uefi))).not.toContain('bootloader');
  const mbr: Json[] = [plain[0] as Json, { partitioning: { base: 'image0', label: 'mbr', partitions: [root] } }];
  expect(kinds(graph({ outputs: [] }, mbr))).toContain('bootloader');
});

it('puts what elements make for the user beside the first output', () => {
  const outputs = [{ format: 'qcow2', path: 'out/web.qcow2', compression: 'zstd', pointer: '/outputs/0' }] as const;
  const made = find(graph({ outputs, files: ['web.vmlinuz', 'web-boot.iso'] }), 'output.web-boot_iso');
  expect(made.dependsOn).toEqual(['layer.finalise']);
  expect(made.inputs).toEqual({
    format: 'file',
    path: 'out/web-boot.iso',
    compression: 'none',
    tree: 'layer.finalise',
    file: 'web-boot.iso',
  });
  expect(made.description).toBe('out/web-boot.iso: made by layer.finalise');
  expect(find(graph({ outputs: [], files: ['web.initrd'] }), 'output.web_initrd').inputs).toMatchObject({ path: 'web.initrd' });
});
