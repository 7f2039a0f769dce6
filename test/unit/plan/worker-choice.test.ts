import { describe, expect, it } from 'vitest';
import { DibError } from '../../../src/diagnostics/errors.ts';
import type { Requirement } from '../../../src/kinds/kind.ts';
import type { KernelNeed, Kernels } from '../../../src/plan/kernels.ts';
import { chooseRealisations, chooseWorker, type ForcedWorker } from '../../../src/plan/worker-choice.ts';
import { devicesOf } from '../blockdev/support.ts';

const ROOT: Requirement = { need: 'root', why: 'the disk sda belongs to root' };
const LOOP: Requirement = { need: 'loop', why: 'the disk file is attached as loop devices' };
const RAID: Requirement = { need: 'kernel', name: 'raid1', why: 'the kernel makes the array' };
const XFS: Requirement = { need: 'filesystem', name: 'xfs', why: 'the xfs file systems of the image are mounted' };
const TOOL: Requirement = { need: 'tool', name: 'mkfs.ext4', package: 'e2fsprogs', why: 'makes ext4 file systems' };

/** Kernels that offer what is named: `loop` for loop devices. */
function kernels(host: readonly string[], machines: Partial<Record<'uml' | 'qemu', readonly string[]>> = {}): Kernels {
  const view = (names: readonly string[]) => ({
    has: (need: KernelNeed) => names.includes(need.need === 'loop' ? 'loop' : need.name),
  });
  const titles = { uml: 'user-mode Linux', qemu: 'QEMU' } as const;
  return {
    host: view(host),
    machines: (['uml', 'qemu'] as const).map((name) => {
      const names = machines[name];
      const capability =
        names === undefined
          ? { ok: false, reason: `the program of ${name} is not installed`, help: `Install ${name}.` }
          : { ok: true, reason: 'it is installed' };
      return { name, title: titles[name], capability, kernel: names && view(names) };
    }),
  };
}

const ALL = ['loop', 'raid1', 'xfs'];
const PLAIN = kernels(['loop', 'xfs'], { uml: ALL, qemu: ALL });

function choose(
  requirements: readonly Requirement[],
  user: 'root' | 'ann',
  at: Kernels = PLAIN,
  forced: ForcedWorker = {},
): Promise<object> {
  return chooseWorker(requirements, user === 'root', forced, async () => at).then(({ place }) => place);
}

async function obstacle(...args: Parameters<typeof chooseWorker>): Promise<string[]> {
  const { obstacle: found } = await chooseWorker(...args);
  return found === undefined ? [] : [found.reason, found.help];
}

/** The refusal, as a user reads it. */
async function refusal(choice: Promise<unknown>): Promise<string[]> {
  const error = await choice.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DibError)) throw new Error(`not refused: ${error}`);
  const [{ code, summary, detail, help }] = error.diagnostics as [DibError['diagnostics'][number]];
  return [code, summary, detail ?? '', help ?? '', String(error.exitCode)];
}

describe('chosen by what is needed', () => {
  it.each<[string, readonly Requirement[], 'root' | 'ann', Kernels, object]>([
    ['nothing, as root', [TOOL], 'root', PLAIN, { name: 'host', reason: 'you are root; a private mount namespace is enough' }],
    [
      'nothing, as a user',
      [TOOL],
      'ann',
      PLAIN,
      { name: 'userns', reason: 'nothing in it needs root: a user namespace is enough' },
    ],
    ['root itself, as root', [ROOT, LOOP], 'root', PLAIN, { name: 'host', reason: 'needs root: the disk sda belongs to root' }],
    [
      'root itself, as a user: no machine helps',
      [LOOP, ROOT],
      'ann',
      PLAIN,
      { name: 'host', reason: 'needs root: the disk sda belongs to root' },
    ],
    [
      'devices, as root on a kernel that has all',
      [LOOP, XFS],
      'root',
      PLAIN,
      { name: 'host', reason: 'needs root, and you are: the disk file is attached as loop devices' },
    ],
    [
      'devices, as root on a kernel that lacks one thing',
      [LOOP, RAID],
      'root',
      PLAIN,
      { name: 'vm', machine: 'uml', reason: 'this kernel has no raid1: the kernel makes the array; user-mode Linux has it' },
    ],
    [
      'a file system that this kernel does not know',
      [LOOP, XFS],
      'root',
      kernels(['loop'], { uml: ALL }),
      {
        name: 'vm',
        machine: 'uml',
        reason: 'this kernel has no driver for xfs: the xfs file systems of the image are mounted; user-mode Linux has it',
      },
    ],
    [
      'devices, as root where there are not even loop devices, as in a container',
      [LOOP],
      'root',
      kernels([], { qemu: ALL }),
      {
        name: 'vm',
        machine: 'qemu',
        reason: 'this kernel has no loop devices: the disk file is attached as loop devices; QEMU has it',
      },
    ],
    [
      'devices, as a user',
      [LOOP, XFS],
      'ann',
      PLAIN,
      {
        name: 'vm',
        machine: 'uml',
        reason: 'needs root: the disk file is attached as loop devices; user-mode Linux has it without root',
      },
    ],
    [
      'devices that only the second machine has, as a user',
      [LOOP, XFS],
      'ann',
      kernels(ALL, { uml: ['loop'], qemu: ALL }),
      { name: 'vm', machine: 'qemu', reason: 'needs root: the disk file is attached as loop devices; QEMU has it without root' },
    ],
    [
      'devices, as a user without any machine: root would do',
      [LOOP, XFS],
      'ann',
      kernels(ALL),
      { name: 'host', reason: 'needs root: the disk file is attached as loop devices' },
    ],
    [
      'devices that nothing at hand has, as a user: not even root would do',
      [LOOP, RAID],
      'ann',
      kernels(['loop'], { uml: ['loop'] }),
      { name: 'vm', reason: 'needs root: the disk file is attached as loop devices' },
    ],
    [
      'devices that nothing at hand has, as root',
      [LOOP, RAID],
      'root',
      kernels(['loop']),
      { name: 'vm', reason: 'this kernel has no raid1: the kernel makes the array' },
    ],
  ])('%s', async (_what, requirements, user, at, expected) => {
    expect(await choose(requirements, user, at)).toEqual(expected);
  });

  it('looks at no kernel where none is needed', async () => {
    const never = () => Promise.reject(new Error('looked'));
    expect(await chooseWorker([TOOL], false, {}, never)).toMatchObject({ place: { name: 'userns' } });
    expect(await chooseWorker([ROOT], true, { worker: 'host' }, never)).toMatchObject({ place: { name: 'host' } });
  });
});

describe('forced', () => {
  it.each<[ForcedWorker, readonly Requirement[], 'root' | 'ann', object]>([
    [{ worker: 'host' }, [LOOP, XFS], 'root', { name: 'host', reason: 'as requested' }],
    [{ worker: 'host' }, [TOOL], 'ann', { name: 'host', reason: 'as requested' }],
    [{ worker: 'userns' }, [TOOL], 'root', { name: 'userns', reason: 'as requested' }],
    [{ worker: 'vm' }, [LOOP, XFS], 'root', { name: 'vm', machine: 'uml', reason: 'as requested' }],
    [{ worker: 'vm' }, [TOOL], 'ann', { name: 'vm', machine: 'uml', reason: 'as requested' }],
    [{ machine: 'qemu' }, [LOOP], 'ann', { name: 'vm', machine: 'qemu', reason: 'as requested' }],
    [{ machine: 'uml' }, [TOOL], 'root', { name: 'vm', machine: 'uml', reason: 'as requested' }],
    [{ worker: 'vm', machine: 'qemu' }, [RAID], 'ann', { name: 'vm', machine: 'qemu', reason: 'as requested' }],
  ])('%o', async (forced, requirements, user, expected) => {
    expect(await choose(requirements, user, PLAIN, forced)).toEqual(expected);
  });

  it('takes no other machine than the one that was asked for, and else none that lacks something', async () => {
    const at = kernels(ALL, { uml: ['loop'], qemu: ALL });
    expect(await choose([RAID], 'ann', at, { machine: 'uml' })).toMatchObject({ machine: 'uml' });
    expect(await choose([RAID], 'ann', at, { worker: 'vm' })).toMatchObject({ machine: 'qemu' });
  });

  it('refuses a user namespace for devices', async () => {
    expect(await refusal(choose([TOOL, LOOP], 'ann', PLAIN, { worker: 'userns' }))).toEqual([
      'DIB_PLAN_WORKER',
      'The worker `userns` cannot do this: the disk file is attached as loop devices',
      'Loop devices and mounts of block devices need root, or a virtual machine.',
      'Leave out `--worker`, or use `--worker vm`.',
      '69',
    ]);
  });

  it.each<[ForcedWorker]>([[{ worker: 'vm' }], [{ machine: 'qemu' }]])(
    'refuses a machine for disks of this one: %o',
    async (forced) => {
      expect(await refusal(choose([LOOP, ROOT], 'root', PLAIN, forced))).toEqual([
        'DIB_PLAN_WORKER',
        'The worker `vm` cannot do this: the disk sda belongs to root',
        'A virtual machine sees files only.',
        'Leave out `--worker` and run `dib apply` as root.',
        '69',
      ]);
    },
  );

  it('refuses the host where its kernel lacks something', async () => {
    expect(await refusal(choose([LOOP, RAID], 'root', PLAIN, { worker: 'host' }))).toEqual([
      'DIB_PLAN_WORKER',
      'The worker `host` cannot do this: this kernel has no raid1: the kernel makes the array',
      '',
      "Either boot a kernel that has it, such as Debian's `linux-image-amd64`, or use `--worker vm`.",
      '69',
    ]);
  });
});

describe('what keeps the chosen worker from it, and how to mend that', () => {
  const OTHER_KERNEL = "Either boot a kernel that has it, such as Debian's `linux-image-amd64`, or ";
  const KERNEL = 'Name a kernel that has it in the environment variable `DIB_VM_KERNEL`.';

  it.each<[string, readonly Requirement[], ForcedWorker, Kernels, string[]]>([
    ['nothing, where it has all', [LOOP, XFS], {}, PLAIN, []],
    ['nothing, where a machine has all', [LOOP, RAID], {}, PLAIN, []],
    ['nothing, where no kernel is needed', [TOOL], {}, kernels([]), []],
    [
      'an array on a disk of this machine, which no virtual machine sees',
      [ROOT, RAID],
      {},
      PLAIN,
      [
        'this kernel has no raid1: the kernel makes the array',
        `${OTHER_KERNEL}write \`local_loop\` in place of \`disk\`: the worker \`vm\` can make that.`,
      ],
    ],
    [
      'no machine at all',
      [LOOP, RAID],
      {},
      kernels(['loop']),
      ['the program of uml is not installed; the program of qemu is not installed', 'Install uml. Or: Install qemu.'],
    ],
    [
      'a machine that lacks it, and one that is not installed',
      [LOOP, RAID],
      {},
      kernels(['loop'], { uml: ['loop'] }),
      [
        'the kernel of user-mode Linux has no raid1: the kernel makes the array; the program of qemu is not installed',
        'Install qemu.',
      ],
    ],
    [
      'both machines, which lack it',
      [LOOP, XFS],
      {},
      kernels(['loop'], { uml: ['loop'], qemu: [] }),
      [
        'the kernel of user-mode Linux has no driver for xfs: the xfs file systems of the image are mounted; the kernel of QEMU has no loop devices: the disk file is attached as loop devices',
        KERNEL,
      ],
    ],
    [
      'the machine that was asked for, though another one would do',
      [RAID],
      { machine: 'uml' },
      kernels([], { uml: ['loop'], qemu: ALL }),
      ['the kernel of user-mode Linux has no raid1: the kernel makes the array', 'Leave out `--machine`.'],
    ],
    [
      'the machine that was asked for, which is not installed',
      [LOOP],
      { machine: 'qemu' },
      kernels(ALL, { uml: ALL }),
      ['the program of qemu is not installed', 'Install qemu.'],
    ],
  ])('%s', async (_what, requirements, forced, at, expected) => {
    expect(await obstacle(requirements, true, forced, async () => at)).toEqual(expected);
  });
});

describe('realisations', () => {
  const EXT4 = 'mkfs: {type: ext4, mount: {mount_point: /}}';
  const disks = (one: string, two: string) =>
    devicesOf(`- local_loop: {name: one, size: 1GiB, ${one}}\n- local_loop: {name: two, size: 1GiB, ${two}}\n`);
  const OFFLINE = { name: 'offline', reason: 'everything on it is made as bytes in files: no loop device, no mount' };
  const XFS_REASON =
    'mkfs.mkfs_two: mkfs.xfs cannot fill itself with extended attributes and hard links: the file system must be mounted';
  const separate = disks(EXT4, 'mkfs: {type: xfs, mount: {mount_point: /srv}}');

  it('are chosen for each stack of disks for itself', () => {
    expect(chooseRealisations(separate, undefined)).toEqual({ one: OFFLINE, two: { name: 'attached', reason: XFS_REASON } });
  });

  it('are the same for disks that something joins', () => {
    const joined = devicesOf(`
- local_loop: {name: one, size: 1GiB, lvm_pv: {vg: vg}}
- local_loop: {name: two, size: 1GiB, lvm_pv: {vg: vg}}
- lvm:
    vgs: [{name: vg}]
    lvs: [{name: lv, base: vg, size: 1GiB, mkfs: {type: btrfs, mount: {mount_point: /}}}]
`);
    const { one, two } = chooseRealisations(joined, undefined);
    expect(one).toMatchObject({ name: 'attached', reason: expect.stringMatching(/^mkfs\.mkfs_lv: mkfs\.btrfs /) });
    expect(two).toEqual(one);
  });

  it('attached, as requested', () => {
    const requested = { name: 'attached', reason: 'as requested' };
    expect(chooseRealisations(separate, 'attached')).toEqual({ one: requested, two: requested });
  });

  it('offline where it cannot be: refused with the reason', async () => {
    expect(chooseRealisations(disks(EXT4, 'mkfs: {type: swap, mount: {mount_point: none}}'), 'offline')).toEqual({
      one: OFFLINE,
      two: OFFLINE,
    });
    expect(await refusal((async () => chooseRealisations(separate, 'offline'))())).toMatchObject([
      'DIB_PLAN_REALISATION',
      `Disk \`two\` cannot be made offline: ${XFS_REASON}`,
      '',
      'Leave out `--realisation`, or choose something that needs no kernel: ext4, linear volumes, LUKS.',
      expect.any(String),
    ]);
  });
});
