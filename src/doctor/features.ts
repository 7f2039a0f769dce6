import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { release, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { debianArchitecture } from '../distros/architectures.ts';
import type { Capability } from '../exec/capability.ts';
import { probeCommand } from '../exec/probe.ts';
import { EMULATION_HELP, emulationFault } from '../host/emulation.ts';
import { probeBackends } from '../vm/open.ts';
import { type Finding, firstLine, readText } from './finding.ts';
import { probeKvm } from './kvm.ts';
import { probeLoop } from './loop.ts';
import { probeOverlay } from './overlay.ts';

/** Something that the running kernel offers or not. */
export interface Feature extends Finding {
  readonly name: string;
  readonly why: string;
  /** Whether the default build of this user needs it. */
  readonly needed: boolean;
}

/** File systems that images can have, or that dib may have to mount. */
const FILESYSTEMS = ['ext4', 'xfs', 'btrfs', 'vfat', 'squashfs'];

/** Tries every kernel feature for real, in a scratch directory of its own, and leaves nothing behind. */
export async function probeFeatures(root: boolean): Promise<readonly Feature[]> {
  // /var/tmp is on a disk where /tmp may be memory: closer to where the cache of layers lies.
  const scratch = await mkdtemp(join(existsSync('/var/tmp') ? '/var/tmp' : tmpdir(), 'dib-doctor-'));
  try {
    const [overlay, overlayUserns, userns, loop, kvm, machines] = await Promise.all([
      root ? probeOverlay(join(scratch, 'host'), []) : untried(),
      probeOverlay(join(scratch, 'userns'), ['--user', '--map-root-user']),
      probeUserNamespace(root),
      root ? probeLoop(scratch) : { loop: untried(), partitions: untried() },
      probeKvm(scratch),
      virtualMachines(),
    ]);
    return [
      { name: 'overlay', ...overlay, why: 'stacks the layers of the root file system, as root', needed: root },
      { name: 'user namespaces', ...userns, why: 'builds without root', needed: !root },
      { name: 'subordinate ids', ...subordinateIds(), why: 'builds without root: users and groups of the image', needed: !root },
      { name: 'overlay in a user namespace', ...overlayUserns, why: 'stacks the layers without root', needed: !root },
      { name: 'loop devices', ...loop.loop, why: 'realisation "attached"', needed: false },
      { name: 'partition scanning', ...loop.partitions, why: 'nothing: dib attaches partitions as loop slices', needed: false },
      ...filesystemFeatures(),
      { name: 'device-mapper', ...deviceMapper(), why: 'LVM and LUKS in realisation "attached"', needed: false },
      { name: 'kvm', ...kvm, why: 'makes dib boot and QEMU of worker vm fast', needed: false },
      ...machines,
      {
        name: 'other architectures',
        ...foreignArchitectures(),
        why: 'images of another architecture than this machine',
        needed: false,
      },
    ];
  } finally {
    await removeScratch(scratch);
  }
}

/** Those that are built most. */
function foreignArchitectures(): Finding {
  const host = debianArchitecture();
  const foreign = ['amd64', 'arm64'].filter((arch) => arch !== host);
  const faults = foreign.map((arch) => emulationFault(arch, host));
  const fault = faults.find((found) => found !== undefined);
  if (fault === undefined) return { state: 'found', detail: `${foreign.join(', ')} through QEMU` };
  return { state: 'missing', detail: `${foreign.join(', ')}: ${fault}`, help: EMULATION_HELP };
}

async function virtualMachines(): Promise<readonly Feature[]> {
  const { uml, qemu } = await probeBackends();
  const why = 'worker vm: RAID, thin volumes and others where this kernel cannot make them';
  const feature = (name: string, { ok, reason, help }: Capability): Feature => {
    return { name, state: ok ? 'found' : 'missing', detail: reason, help, why, needed: false };
  };
  return [feature('virtual machine: user-mode Linux', uml), feature('virtual machine: QEMU', qemu)];
}

function untried(): Finding {
  return { state: 'unknown', detail: 'only root can try it' };
}

/** Overlay leaves a directory without any permission; its owner may still remove it, after saying so. */
async function removeScratch(scratch: string): Promise<void> {
  await probeCommand(['chmod', '--recursive', 'u+rwx', scratch]);
  await rm(scratch, { recursive: true, force: true });
}

async function probeUserNamespace(root: boolean): Promise<Finding> {
  const map = root ? ['--map-root-user'] : ['--map-root-user', '--map-auto'];
  const result = await probeCommand(['unshare', '--user', ...map, 'true']);
  if (result.exitCode === 0) return { state: 'found', detail: root ? 'may be made' : 'may be made, with mapped ids' };
  return { state: 'missing', detail: firstLine(result), help: userNamespaceHelp() };
}

/** Distributions switch user namespaces off in different ways. */
function userNamespaceHelp(): string {
  if (readText('/proc/sys/kernel/unprivileged_userns_clone') === '0') return 'sysctl kernel.unprivileged_userns_clone=1';
  if (readText('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return 'sysctl kernel.apparmor_restrict_unprivileged_userns=0';
  }
  if (readText('/proc/sys/user/max_user_namespaces') === '0') return 'sysctl user.max_user_namespaces=10000';
  return 'install uidmap, and see "subordinate ids"';
}

/** Subordinate id ranges of this user: see subuid(5), subgid(5). An image needs ids up to 65535. */
function subordinateIds(): Finding {
  const { username, uid } = userInfo();
  const counts = ['/etc/subuid', '/etc/subgid'].map((file) => subordinateCount(readText(file) ?? '', username, uid));
  const count = Math.min(...counts);
  if (count >= 65_536) return { state: 'found', detail: `${count} for ${username}` };
  return {
    state: 'missing',
    detail: `${count} for ${username}, 65536 needed`,
    help: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`,
  };
}

/** Ids granted to a user by the lines `NAME-OR-UID:FIRST:COUNT` of subuid(5). */
export function subordinateCount(text: string, username: string, uid: number): number {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([who]) => who === username || who === String(uid))
    .reduce((sum, [, , count]) => sum + (Number(count) || 0), 0);
}

function filesystemFeatures(): Feature[] {
  const loaded = readText('/proc/filesystems') ?? '';
  const modules = ['modules.builtin', 'modules.dep']
    .map((file) => readText(`/lib/modules/${release()}/${file}`) ?? '')
    .join('\n');
  return FILESYSTEMS.map((name) => ({
    name: `file system ${name}`,
    ...filesystem(name, loaded, modules),
    why: 'realisation "attached"',
    needed: false,
  }));
}

/** Looks a file system up in /proc/filesystems and in the kernel's lists of modules. */
export function filesystem(name: string, procFilesystems: string, modules: string): Finding {
  if (procFilesystems.split('\n').some((line) => line.split('\t')[1] === name))
    return { state: 'found', detail: 'in the kernel' };
  if (new RegExp(`/${name}\\.ko`, 'm').test(modules)) return { state: 'found', detail: 'as a module' };
  return { state: 'missing', detail: 'not in this kernel' };
}

function deviceMapper(): Finding {
  if (/\bdevice-mapper$/m.test(readText('/proc/misc') ?? '')) return { state: 'found', detail: 'in the kernel' };
  if (/\/dm-mod\.ko/m.test(readText(`/lib/modules/${release()}/modules.dep`) ?? ''))
    return { state: 'found', detail: 'as a module' };
  return { state: 'missing', detail: 'not in this kernel' };
}
