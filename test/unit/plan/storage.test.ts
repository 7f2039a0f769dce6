import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadImage } from '../../../src/config/load.ts';
import type { LayerStep, StepsInputs } from '../../../src/kinds/layer-graph.ts';
import { expand } from '../../../src/plan/expand.ts';
import { prepareImage } from '../../../src/plan/prepare.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-storage-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const HEAD = 'apiVersion: dib/v1\nname: x\ndistro: {name: debian, release: trixie}\nelements: [vm]\n';
const BSP_BOOT =
  '{name: bsp, type: EF02, size: 1MiB}, {name: boot, size: 256MiB, mkfs: {type: ext4, mount: {mount_point: /boot, fstab: {}}}}';
const layout = (on: string, more = '') => `block_device:
- local_loop: {name: d, size: 4GiB}
- partitioning: {base: d, label: gpt, partitions: [${BSP_BOOT}, {name: p, size: 100%, ${on}}]}
${more}`;
const LUKS = layout('luks: {name: c, key: prompt, mkfs: {type: ext4, mount: {mount_point: /, fstab: {}}}}');

async function read(text: string) {
  const file = join(directory, 'image.yaml');
  writeFileSync(file, text);
  const loaded = await loadImage(file, 'amd64');
  if (loaded.value === undefined) throw new Error(JSON.stringify(loaded.diagnostics));
  return await prepareImage(loaded.value, {});
}

/** The layers of an image by name: what they do, in words, and their inputs. */
async function layers(text: string) {
  const { value, diagnostics } = await read(text);
  if (value === undefined) throw new Error(JSON.stringify(diagnostics));
  const { resources } = expand(value.image, { facts: {}, realisation: {} });
  const found = resources.filter(({ kind }) => kind === 'layer');
  return Object.fromEntries(
    found.map(({ name, inputs, description }) => [name, { inputs: inputs as unknown as StepsInputs, description }]),
  );
}

const packagesOf = (steps: readonly LayerStep[] | undefined) =>
  steps?.flatMap((step) => (step.run === 'install' ? step.packages : [])) ?? [];
const nameOf = (step: LayerStep) => (step.run === 'hook' ? step.name : step.run);

describe('packages that the layout asks for', () => {
  test.each([
    ['luks', LUKS, ['cryptsetup', 'cryptsetup-initramfs', 'systemd-cryptsetup'], 'cryptsetup for luks.c'],
    ['lvm', layout('lvm_pv: {vg: v}', LVM('linear')), ['lvm2'], 'lvm2 for vgs.v'],
    [
      'thin volumes',
      layout('lvm_pv: {vg: v}', LVM('thin')),
      ['lvm2', 'thin-provisioning-tools'],
      'thin-provisioning-tools for lvs.pool',
    ],
    ['btrfs', layout('btrfs: {name: b, mount: {mount_point: /, fstab: {}}}'), ['btrfs-progs'], 'btrfs-progs for mkfs.b'],
    ['xfs', layout('mkfs: {name: f, type: xfs, mount: {mount_point: /, fstab: {}}}'), ['xfsprogs'], 'xfsprogs for mkfs.f'],
    [
      'raid',
      layout(
        'raid_member: {raid: m}',
        '- local_loop: {name: e, size: 4GiB, raid_member: {raid: m}}\n- raid: {name: m, level: 1, mkfs: {type: ext4, mount: {mount_point: /, fstab: {}}}}\n',
      ),
      ['mdadm'],
      'mdadm for raid.m',
    ],
  ])('%s', async (_what, blockDevice, packages, reason) => {
    const made = await layers(`${HEAD}${blockDevice}outputs: [{format: raw, disk: d}]\n`);
    expect(packagesOf(made['packages']?.inputs.steps)).toEqual(expect.arrayContaining(packages));
    expect(made['packages']?.description).toContain(reason);
  });

  test('are none for plain partitions, and none for an archive', async () => {
    const plain = await layers(`${HEAD}${layout('mkfs: {type: ext4, mount: {mount_point: /, fstab: {}}}')}outputs: [raw]\n`);
    expect(plain['packages']?.description).not.toContain(' for ');
    const archive = await layers(`${HEAD}${LUKS}outputs: [tar]\n`);
    expect(packagesOf(archive['packages']?.inputs.steps)).not.toContain('cryptsetup');
    expect(archive['finalise']?.inputs.systemFiles).toHaveProperty('/etc/crypttab');
  });
});

function LVM(type: 'linear' | 'thin'): string {
  const volumes =
    type === 'linear'
      ? '[{name: r, base: v, extents: 100%FREE}]'
      : '[{name: pool, base: v, type: thin-pool, extents: 50%FREE}, {name: r, base: v, type: thin, thin-pool: pool, size: 2GiB}]';
  return `- lvm: {vgs: [{name: v}], lvs: ${volumes}}\n- mkfs: {base: r, type: ext4, mount: {mount_point: /, fstab: {}}}\n`;
}

describe('the initramfs', () => {
  test('is made once, after the files that it holds and before the boot loader looks for it', async () => {
    const { packages, finalise } = await layers(`${HEAD}${LUKS}outputs: [raw]\n`);
    expect(packages?.inputs.steps.at(-1)).toMatchObject({ run: 'install', initramfs: 'later' });
    expect(finalise?.inputs.steps.map(nameOf).slice(0, 2)).toEqual(['initramfs', '50-bootloader']);
    expect(finalise?.description).toMatch(/; hostname, fstab, crypttab; initramfs with crypttab$/);
  });

  test('is made with its package where it holds nothing of the layout', async () => {
    const { packages, finalise } = await layers(`${HEAD}${layout('lvm_pv: {vg: v}', LVM('linear'))}outputs: [raw]\n`);
    expect(packages?.inputs.steps.at(-1)).not.toHaveProperty('initramfs');
    expect(finalise?.inputs.steps.map(nameOf)).not.toContain('initramfs');
    expect(finalise?.description).toMatch(/; hostname, fstab$/);
  });
});

test('of an operating system that an element brings, dib says what it has to be able to do', async () => {
  const element = join(directory, 'elements/own-os');
  mkdirSync(join(element, 'root.d'), { recursive: true });
  writeFileSync(join(element, 'element-provides'), 'operating-system\n');
  writeFileSync(join(element, 'root.d/10-root'), '#!/bin/bash\n', { mode: 0o755 });
  const head = 'apiVersion: dib/v1\nname: x\nelements: [own-os]\nelements_path: [elements]\n';
  const { value, diagnostics } = await read(
    `${head}${layout('lvm_pv: {vg: v}', LVM('thin'))}outputs: [{format: raw, disk: d}]\n`,
  );
  expect(diagnostics.filter(({ code }) => code === 'DIB_BOOT_TOOLS_UNKNOWN')).toMatchObject([
    {
      severity: 'warning',
      summary: expect.stringMatching(/^`vgs.v` needs the tools for LVM in the image/),
      range: { start: { line: 8 } },
    },
    { summary: expect.stringMatching(/^`lvs.pool` needs the tools for thin volumes of LVM/), range: { start: { line: 8 } } },
  ]);
  expect(value?.image.elements.packages['install.d'].install).toEqual([]);
});

describe('a disk that no output gives out', () => {
  const TWO = `block_device:
- local_loop: {name: d, size: 4GiB}
- partitioning: {base: d, label: gpt, partitions: [{name: bsp, type: EF02, size: 1MiB}, {name: p, size: 100%, lvm_pv: {vg: v}}]}
- local_loop: {name: e, size: 4GiB, lvm_pv: {vg: v}}
- local_loop: {name: spare, size: 1GiB, mkfs: {type: ext4}}
- lvm: {vgs: [{name: v}], lvs: [{name: r, base: v, extents: 50%FREE}, {name: s, base: v, extents: 100%FREE}]}
- mkfs: {base: r, type: ext4, mount: {mount_point: /, fstab: {}}}
- mkfs: {base: s, type: swap, mount: {fstab: {}}}
`;

  test('is warned of where the system needs it', async () => {
    const { diagnostics } = await read(`${HEAD}${TWO}outputs: [qcow2]\n`);
    expect(diagnostics).toMatchObject([
      {
        code: 'DIB_OUTPUT_DISK_LEFT_OUT',
        severity: 'warning',
        summary: 'No output gives out the disk `e`, and it holds `/` and `swap`',
        help: 'Add `- {format: qcow2, disk: e}` to `outputs`.',
        range: { start: { line: 8 } },
      },
    ]);
  });

  test.each(['[qcow2, {format: qcow2, disk: e}]', '[tar]'])('is all right with outputs %s', async (outputs) => {
    expect((await read(`${HEAD}${TWO}outputs: ${outputs}\n`)).diagnostics).toEqual([]);
  });
});

describe('an image that cannot start', () => {
  test('is refused where the boot loader is installed, at its place in image.yaml', async () => {
    const encrypted = LUKS.replace(
      ', {name: boot, size: 256MiB, mkfs: {type: ext4, mount: {mount_point: /boot, fstab: {}}}}',
      '',
    );
    const { diagnostics, value } = await read(`${HEAD}${encrypted}outputs: [raw]\n`);
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([
      { code: 'DIB_BOOT_GRUB_CANNOT_READ', pointer: expect.stringMatching(/^\/block_device\//), range: { start: { line: 7 } } },
    ]);
  });

  test('is told at once what else does not fit', async () => {
    const bare = 'block_device: [{local_loop: {name: d, size: 4GiB, lvm_pv: {vg: g}}}, {lvm: {vgs: [{name: g}],';
    const full = ' lvs: [{name: r, base: g, size: 4GiB, mkfs: {type: ext4, mount: {mount_point: /}}}]}}]\n';
    const { diagnostics } = await read(`${HEAD}${bare}${full}outputs: [raw]\n`);
    expect(diagnostics.map(({ code }) => code)).toEqual(['DIB_BOOT_NO_FIRMWARE', 'DIB_BLOCKDEV_LV_OVERFLOW']);
  });

  test('is taken without a boot loader, and as an archive', async () => {
    const bare = 'block_device: [{local_loop: {name: d, size: 4GiB, mkfs: {type: ext4, mount: {mount_point: /}}}}]\n';
    const { diagnostics } = await read(`${HEAD}${bare}outputs: [raw]\n`);
    expect(diagnostics.map(({ code }) => code)).toEqual(['DIB_BOOT_NO_FIRMWARE']);
    expect((await read(`${HEAD}${bare}outputs: [tar]\n`)).diagnostics).toEqual([]);
    expect((await read(`${HEAD.replace('[vm]', '[debian-minimal]')}${bare}outputs: [raw]\n`)).diagnostics).toEqual([]);
  });
});
