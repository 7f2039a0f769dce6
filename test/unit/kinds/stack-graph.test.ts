import { describe, expect, it } from 'vitest';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { topologicalOrder } from '../../../src/graph/dag.ts';
import type { DiskGraphInput } from '../../../src/kinds/disk-graph.ts';
import { diskResources } from '../../../src/kinds/disk-graph.ts';
import type { Place } from '../../../src/kinds/disk-inputs.ts';
import { type Resource, UNKNOWN } from '../../../src/kinds/kind.ts';
import { chooseRealisations } from '../../../src/plan/worker-choice.ts';
import { devicesOf } from '../blockdev/support.ts';

const MIB = 1024 ** 2;

/** The resources of a tree, made as the plan would choose. */
class Graph {
  readonly resources: readonly Resource[];

  constructor(text: string, more: Partial<DiskGraphInput> = {}) {
    const devices = devicesOf(text);
    const sizes = new Map(devices.disks.map(({ name, size }) => [name, typeof size === 'object' ? size.bytes : 0]));
    const { value: stack, diagnostics } = resolveStack(devices, sizes);
    if (stack === undefined) throw new Error(diagnostics.map(({ summary }) => summary).join('\n'));
    const chosen = Object.entries(chooseRealisations(devices, undefined)).map(([disk, { name }]) => [disk, name]);
    const outputs = devices.disks.map(({ name }) => ({
      format: 'raw' as const,
      path: `${name}.raw`,
      compression: 'none' as const,
      disk: name,
      pointer: '/outputs/0',
    }));
    const base = { devices, stack, realisation: Object.fromEntries(chosen), outputs, tree: 'layer.finalise', epoch: 1 };
    this.resources = topologicalOrder(diskResources({ ...base, bootloader: false, ...more }));
    this.#expectDependencies();
  }

  /** Everything that is needed is there. */
  #expectDependencies(): void {
    const all = new Set(['layer.finalise', ...this.addresses]);
    for (const { address, dependsOn } of this.resources)
      for (const dependency of dependsOn) expect(all, `${address} needs ${dependency}`).toContain(dependency);
  }

  get addresses(): string[] {
    return this.resources.map(({ address }) => address);
  }

  of(address: string): Resource {
    const found = this.resources.find((each) => each.address === address);
    if (found === undefined) throw new Error(`no ${address} among ${this.addresses.join(', ')}`);
    return found;
  }

  needs(address: string): string[] {
    return [...this.of(address).dependsOn].sort();
  }

  /** All that is made before it. */
  allNeeds(address: string): Set<string> {
    const direct = address.startsWith('layer.') ? [] : this.of(address).dependsOn;
    return new Set(direct.flatMap((each) => [each, ...this.allNeeds(each)]));
  }

  place(address: string): Place {
    return this.of(address).inputs['place'] as unknown as Place;
  }
}

const LVM = `
- local_loop: {name: first, size: 2GiB}
- local_loop: {name: second, size: 1GiB}
- partitioning:
    base: first
    label: gpt
    partitions:
    - {name: pv1, size: 100%, lvm_pv: {vg: vg-sys, name: p1}}
- lvm_pv: {base: second, vg: vg-sys, name: p2}
- lvm:
    vgs:
    - {name: vg-sys}
    lvs:
    - {name: root, base: vg-sys, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: /, fstab: {}}}}
    - {name: big, base: vg-sys, extents: 100%FREE, mkfs: {type: ext4, mount: {mount_point: /srv}}}
`;

describe('linear volumes over two disks, offline', () => {
  const graph = new Graph(LVM);

  it('joins disks, volumes and group by their names', () => {
    expect(graph.addresses.filter((each) => /^(pvs|vgs|lvs)\./.test(each))).toEqual([
      'pvs.p1',
      'pvs.p2',
      'vgs.vg-sys',
      'lvs.root',
      'lvs.big',
    ]);
    expect(graph.needs('pvs.p1')).toEqual(['partition.pv1']);
    expect(graph.needs('pvs.p2')).toEqual(['local_loop.second']);
    expect(graph.needs('vgs.vg-sys')).toEqual(['local_loop.second', 'partition.pv1', 'pvs.p1', 'pvs.p2']);
    for (const address of ['pvs.p1', 'vgs.vg-sys', 'lvs.root']) expect(graph.of(address).inputs['realisation']).toBe('offline');
  });

  it('tells where each volume lies, and needs those disks', () => {
    expect(graph.place('lvs.root')).toEqual([{ container: 'local_loop.first', offset: 2 * MIB, length: 1024 * MIB }]);
    expect(graph.needs('lvs.root')).toEqual(['local_loop.first', 'vgs.vg-sys']);
    expect(graph.place('lvs.big').map(({ container }) => container)).toEqual(['local_loop.first', 'local_loop.second']);
    expect(graph.needs('lvs.big')).toEqual(['local_loop.first', 'local_loop.second', 'vgs.vg-sys']);
  });

  it('writes file systems to where their volume lies, filled as files', () => {
    expect(graph.of('mkfs.mkfs_root').inputs).toMatchObject({
      device: 'lvs.root',
      place: graph.place('lvs.root'),
      length: 1024 * MIB,
      fill: { path: '/', hide: ['/srv'] },
    });
    expect(graph.addresses).not.toContain('tree.root');
  });

  it('computes the metadata of the group, with an id for each volume', () => {
    const placed = graph.of('vgs.vg-sys').inputs['placed'] as { lvs: { name: string; volume: string; id: string }[] };
    expect(placed.lvs.map(({ volume }) => volume)).toEqual(['root', 'big']);
    expect(placed.lvs.map(({ id }) => id)).toEqual(['root', 'big'].map((name) => graph.of(`lvs.${name}`).inputs['id']));
    expect(new Set(placed.lvs.map(({ id }) => id)).size).toBe(2);
    expect(graph.of('vgs.vg-sys').inputs['volumes']).toBeUndefined();
  });

  it('makes an output of a disk when everything on it is there, also what it shares with another disk', () => {
    expect(graph.needs('output.raw')).toEqual([
      'local_loop.first',
      'lvs.big',
      'lvs.root',
      'mkfs.mkfs_big',
      'mkfs.mkfs_root',
      'partitioning.partitioning_first',
      'vgs.vg-sys',
    ]);
    const second = graph.needs('output.raw_second');
    expect(second).toContain('mkfs.mkfs_big');
    expect(second).toContain('vgs.vg-sys');
    expect(second).not.toContain('partitioning.partitioning_first');
  });
});

it('options of LVM are for lvm to read: then everything of the stack is attached, and no bytes are computed', () => {
  const graph = new Graph(LVM.replace('- {name: vg-sys}', "- {name: vg-sys, options: ['--addtag', web]}"));
  for (const address of ['local_loop.first', 'local_loop.second', 'pvs.p1', 'vgs.vg-sys', 'lvs.big', 'mkfs.mkfs_root'])
    expect(graph.of(address).inputs['realisation'], address).toBe('attached');
  expect(graph.of('vgs.vg-sys').inputs).toMatchObject({
    options: ['--addtag', 'web'],
    volumes: [
      { volume: 'root', type: 'linear', size: { bytes: 1024 * MIB } },
      { volume: 'big', type: 'linear' },
    ],
  });
  expect(graph.of('vgs.vg-sys').inputs['placed']).toBeUndefined();
  expect(graph.place('lvs.root')).toBeUndefined();
  expect(graph.place('mkfs.mkfs_root')).toBeUndefined();
  // Still filled as a file, and written to the volume after that.
  expect(graph.of('mkfs.mkfs_root').inputs['fill']).toBeDefined();
});

const LUKS_LVM = `
- local_loop: {name: image0, size: 4GiB}
- partitioning:
    base: image0
    label: gpt
    partitions:
    - {name: boot, size: 512MiB, mkfs: {type: ext4, mount: {mount_point: /boot}}}
    - name: vault
      size: 100%
      luks:
        name: crypt
        key: {file: disk.key}
        lvm_pv: {vg: inside, name: pv0}
- lvm:
    vgs: [{name: inside}]
    lvs:
    - {name: root, base: inside, size: 2GiB, mkfs: {type: ext4, mount: {mount_point: /, fstab: {}}}}
    - {name: swap, base: inside, size: 256MiB, mkfs: {type: swap, mount: {mount_point: none, fstab: {}}}}
`;

describe('LVM in a LUKS container, offline', () => {
  const graph = new Graph(LUKS_LVM, { keyFingerprints: { crypt: 'abc' } });

  it('encrypts when all that is written inside is there, and nothing else', () => {
    expect(graph.needs('encrypt.crypt')).toEqual([
      'luks.crypt',
      'luks_header.crypt',
      'mkfs.mkfs_root',
      'mkfs.mkfs_swap',
      'partition.vault',
      'vgs.inside',
    ]);
    expect(graph.needs('luks_header.crypt')).toEqual(['luks.crypt']);
    expect(graph.of('encrypt.crypt').inputs).toMatchObject({
      luks: 'luks.crypt',
      device: 'partition.vault',
      content: [
        { address: 'mkfs.mkfs_root', type: 'ext4' },
        { address: 'mkfs.mkfs_swap', type: 'swap' },
        { address: 'vgs.inside' },
      ],
    });
  });

  it('lays volumes into the container, not into the disk', () => {
    for (const address of ['lvs.root', 'mkfs.mkfs_root', 'mkfs.mkfs_swap'])
      expect(graph.place(address).map(({ container }) => container)).toEqual(['luks.crypt']);
    expect(graph.place('mkfs.mkfs_boot').map(({ container }) => container)).toEqual(['local_loop.image0']);
  });

  it('has 16 MiB less inside than outside', () => {
    expect(graph.of('luks.crypt').inputs['size']).toBe((graph.of('partition.vault').inputs['length'] as number) - 16 * MIB);
  });

  it('makes the output of what is encrypted', () => {
    expect(graph.needs('output.raw')).toContain('encrypt.crypt');
    expect(graph.needs('output.raw')).not.toContain('luks.crypt');
  });

  it('has no key in it, only where it comes from and its fingerprint', () => {
    expect(graph.of('luks.crypt').inputs).toMatchObject({ key: { from: 'file', path: 'disk.key' }, keyFingerprint: 'abc' });
    expect(new Graph(LUKS_LVM).of('luks.crypt').inputs['keyFingerprint']).toBe(UNKNOWN);
  });

  it('is made anew as a whole: the container depends on what its content is made of', () => {
    expect(graph.needs('luks.crypt')).toContain('layer.finalise');
    const content = (text: string) => new Graph(text, { keyFingerprints: { crypt: 'abc' } }).of('luks.crypt').inputs['content'];
    expect(content(LUKS_LVM)).toMatch(/^[0-9a-f]{64}$/);
    expect(content(LUKS_LVM.replace('256MiB', '512MiB'))).not.toBe(content(LUKS_LVM));
    expect(content(LUKS_LVM.replace('mount_point: /boot', 'mount_point: /srv'))).not.toBe(content(LUKS_LVM));
  });
});

it('containers in containers are encrypted from the inside out', () => {
  const graph = new Graph(
    `
- local_loop:
    name: image0
    size: 1GiB
    luks: {name: outer, key: {env: OUTER}, lvm_pv: {vg: data}}
- lvm:
    vgs: [{name: data}]
    lvs:
      - name: home
        base: data
        extents: 100%FREE
        luks:
          name: inner
          key: {env: INNER}
          mkfs: {type: ext4, mount: {mount_point: /}}
`,
    { keyFingerprints: { outer: 'a', inner: 'b' } },
  );
  expect(graph.needs('encrypt.outer')).toEqual(
    expect.arrayContaining(['encrypt.inner', 'local_loop.image0', 'luks.outer', 'vgs.data']),
  );
  expect(graph.needs('encrypt.outer')).not.toContain('mkfs.mkfs_inner');
  expect(graph.needs('encrypt.inner')).toEqual(expect.arrayContaining(['luks.inner', 'lvs.home', 'mkfs.mkfs_inner']));
  const length = (1004 - 16) * MIB;
  expect(graph.place('mkfs.mkfs_inner')).toEqual([{ container: 'luks.inner', offset: 0, length }]);
  expect(graph.allNeeds('output.raw')).toContain('encrypt.inner');
});

it('a container straight in another one is written into it', () => {
  const graph = new Graph(
    `
- local_loop:
    name: image0
    size: 1GiB
    luks: {name: outer, key: {env: OUTER}, luks: {name: inner, key: {env: INNER}, mkfs: {type: ext4, mount: {mount_point: /}}}}
`,
    { keyFingerprints: { outer: 'a', inner: 'b' } },
  );
  expect(graph.of('encrypt.outer').inputs['content']).toEqual([{ address: 'encrypt.inner' }]);
  expect(graph.of('encrypt.inner').inputs).toMatchObject({
    device: 'luks.outer',
    content: [{ address: 'mkfs.mkfs_inner', type: 'ext4' }],
  });
  expect(graph.place('mkfs.mkfs_inner')).toEqual([{ container: 'luks.inner', offset: 0, length: (1024 - 32) * MIB }]);
});

it.each([
  ['aes-cbc-essiv:sha256', 256, 'offline'],
  ['aes-xts-plain64', 384, 'attached'],
  ['serpent-xts-plain64', 512, 'attached'],
])('a container with %s and a key of %d bits is made %s', (cipher, bits, realisation) => {
  const graph = new Graph(
    LUKS_LVM.replace('name: crypt', `name: crypt\n        cipher: '${cipher}'\n        key_size: ${bits}`),
    {
      keyFingerprints: { crypt: 'abc' },
    },
  );
  expect(graph.of('luks.crypt').inputs).toMatchObject({ cipher, keySize: bits, realisation });
});

describe('RAID', () => {
  const RAID = `
- local_loop: {name: a, size: 512MiB}
- local_loop: {name: b, size: 512MiB, raid_member: {raid: mirror}}
- raid_member: {base: a, raid: mirror}
- raid:
    name: mirror
    level: 1
    mkfs: {type: ext4, mount: {mount_point: /, fstab: {}}}
`;

  it('joins its members by name, is attached with its disks, and tells its size in the plan', () => {
    const graph = new Graph(RAID);
    const { inputs, dependsOn } = graph.of('raid.mirror');
    expect([...dependsOn].sort()).toEqual(['local_loop.a', 'local_loop.b']);
    expect([...(inputs['members'] as string[])].sort()).toEqual(['local_loop.a', 'local_loop.b']);
    expect(inputs).toMatchObject({ level: 1, zeroed: true, sectorSize: 512 });
    const size = inputs['size'] as number;
    expect(size).toBeGreaterThan(400 * MIB);
    expect(size).toBeLessThan(512 * MIB);
    expect(inputs['componentSize']).toBe(size);
    for (const disk of ['a', 'b']) expect(graph.of(`local_loop.${disk}`).inputs['realisation']).toBe('attached');
  });

  it('is filled with a file that is written to the array', () => {
    const graph = new Graph(RAID);
    const { inputs } = graph.of('mkfs.mkfs_mirror');
    expect(inputs).toMatchObject({ device: 'raid.mirror', realisation: 'attached', fill: { path: '/' } });
    expect(inputs['place']).toBeUndefined();
    expect(graph.addresses).not.toContain('tree.root');
    for (const output of ['output.raw', 'output.raw_b'])
      expect(graph.needs(output)).toEqual(
        expect.arrayContaining([output === 'output.raw' ? 'local_loop.a' : 'local_loop.b', 'raid.mirror', 'mkfs.mkfs_mirror']),
      );
  });

  it('does not take an existing disk for zeroed', () => {
    const graph = new Graph(
      RAID.replace('- local_loop: {name: a, size: 512MiB}', '- disk: {name: a, path: /dev/disk/by-id/x}').replace(
        'level: 1',
        'level: 0',
      ),
      { stack: { disks: [], devices: [], groups: [] }, outputs: [] },
    );
    expect(graph.of('raid.mirror').inputs).toMatchObject({ zeroed: false, size: UNKNOWN, dataOffset: UNKNOWN });
  });

  it('with LVM on LUKS on it, stands below all of them, and nothing is encrypted afterwards', () => {
    const graph = new Graph(
      RAID.replace(
        'mkfs: {type: ext4, mount: {mount_point: /, fstab: {}}}',
        'luks: {name: crypt, key: prompt, lvm_pv: {vg: data, name: pv0}}\n- lvm: {vgs: [{name: data}], lvs: [{name: root, base: data, extents: 100%FREE, mkfs: {type: ext4, mount: {mount_point: /}}}]}',
      ),
    );
    expect(graph.needs('luks.crypt')).toEqual(['raid.mirror']);
    expect(graph.needs('pvs.pv0')).toEqual(['luks.crypt']);
    expect(graph.needs('vgs.data')).toEqual(['luks.crypt', 'pvs.pv0']);
    expect(graph.addresses.filter((each) => /^(encrypt|luks_header)\./.test(each))).toEqual([]);
    expect([...graph.allNeeds('mkfs.mkfs_root')]).toEqual(
      expect.arrayContaining(['raid.mirror', 'luks.crypt', 'vgs.data', 'lvs.root']),
    );
    expect(graph.needs('output.raw')).toEqual(
      expect.arrayContaining(['luks.crypt', 'lvs.root', 'mkfs.mkfs_root', 'raid.mirror']),
    );
  });
});

describe('thin volumes', () => {
  const graph = new Graph(`
- local_loop: {name: image0, size: 4GiB, lvm_pv: {vg: vg, name: pv0}}
- lvm:
    vgs: [{name: vg}]
    lvs:
    - {name: pool, base: vg, type: thin-pool, size: 1GiB}
    - {name: root, base: vg, type: thin, thin-pool: pool, size: 8GiB, mkfs: {type: ext4, mount: {mount_point: /}}}
`);

  it('stand on their pool, may be larger than it, and are attached', () => {
    expect(graph.needs('lvs.root')).toEqual(['lvs.pool', 'vgs.vg']);
    expect(graph.of('lvs.root').inputs).toMatchObject({
      pool: 'lvs.pool',
      size: 8192 * MIB,
      extents: 0,
      realisation: 'attached',
    });
    expect(graph.of('lvs.pool').inputs['metadata']).toMatchObject({ chunk: 64 * 1024 });
    expect(graph.of('vgs.vg').inputs['volumes']).toMatchObject([
      { volume: 'pool', type: 'thin-pool' },
      { volume: 'root', type: 'thin', pool: 'pool' },
    ]);
  });
});

describe('btrfs with subvolumes', () => {
  const graph = new Graph(`
- local_loop: {name: image0, size: 2GiB}
- partitioning:
    base: image0
    label: gpt
    partitions:
    - name: boot
      size: 256MiB
      mkfs: {type: ext4, mount: {mount_point: /boot}}
    - name: main
      size: 100%
      btrfs:
        subvolumes:
        - {name: top, path: '@', mount: {mount_point: /, fstab: {options: compress=zstd}}}
        - {name: home, path: '@home', mount: {mount_point: /home, fstab: {}}}
        - {name: nested, path: '@/var/cache'}
`);
  const [mkfs] = graph.addresses.filter((each) => each.startsWith('mkfs.') && each !== 'mkfs.mkfs_boot') as [string];

  it('makes subvolumes in their file system, those that lie in another one after it', () => {
    expect(graph.needs('subvolume.top')).toEqual([mkfs, 'partition.main'].sort());
    expect(graph.needs('subvolume.nested')).toEqual([mkfs, 'partition.main', 'subvolume.top'].sort());
  });

  it('copies into them by their mounts; what can be filled as a file is not copied', () => {
    expect(graph.of('tree.root').inputs).toMatchObject({
      mounts: [
        { device: 'partition.main', type: 'btrfs', mountPoint: '/', options: ['subvol=@'] },
        { device: 'partition.main', type: 'btrfs', mountPoint: '/home', options: ['subvol=@home'] },
      ],
      hide: ['/boot'],
    });
    expect(graph.needs('tree.root')).toEqual(
      ['layer.finalise', mkfs, 'partition.main', 'subvolume.home', 'subvolume.nested', 'subvolume.top'].sort(),
    );
    expect(graph.of('mkfs.mkfs_boot').inputs['fill']).toMatchObject({ path: '/boot' });
    expect(graph.of(mkfs).inputs['fill']).toBeUndefined();
  });

  it('mounts each at its place, after the copy and after its parent', () => {
    const home = graph.resources.find(({ inputs, kind }) => kind === 'mount' && inputs['mountPoint'] === '/home');
    expect(home?.dependsOn).toEqual(expect.arrayContaining([mkfs, 'subvolume.home', 'tree.root']));
    expect(home?.dependsOn.some((each) => each.startsWith('mount.'))).toBe(true);
    const lines = graph.resources.filter(({ kind }) => kind === 'fstab').map(({ inputs }) => inputs['line']);
    expect(lines).toEqual([
      expect.stringMatching(/^UUID=\S+ \/ btrfs compress=zstd,subvol=@ /),
      expect.stringMatching(/^UUID=\S+ \/home btrfs \S*subvol=@home /),
    ]);
  });

  it('makes the output after the copy and all subvolumes', () => {
    expect(graph.needs('output.raw')).toEqual(
      expect.arrayContaining(['subvolume.home', 'subvolume.nested', 'subvolume.top', 'tree.root']),
    );
  });
});

it('an output depends, at whatever depth, on everything that was put on its disk, for every stack', () => {
  for (const text of [LVM, LUKS_LVM]) {
    const graph = new Graph(text, { keyFingerprints: { crypt: 'a' } });
    const made = graph.addresses.filter((each) => /^(mkfs|vgs|lvs|pvs|luks|encrypt|partition|partitioning)\./.test(each));
    const outputs = graph.addresses.filter((each) => each.startsWith('output.'));
    const reached = new Set(outputs.flatMap((each) => [...graph.allNeeds(each)]));
    for (const address of made) expect(reached, address).toContain(address);
  }
});
