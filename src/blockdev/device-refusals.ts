import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { capitalised, quotedPath } from '../diagnostics/printable.ts';
import {
  type DeviceFacts,
  type DeviceIdentity,
  type DeviceSighting,
  type DeviceUse,
  describeContents,
  describeIdentity,
  describeUse,
  isSameDevice,
} from './device-facts.ts';

/** A problem of a disk, to be placed by whoever finds it. */
export type DiskProblem = Pick<Diagnostic, 'code' | 'summary' | 'detail' | 'help'>;

/** Why a device cannot be a disk of an image, whatever is on it; undefined when it can. */
export function refuseDevice(path: string, sighting: DeviceSighting): DiskProblem | undefined {
  if (sighting.state === 'absent') return absent(path);
  if (sighting.state === 'other') {
    return {
      code: 'DIB_DISK_NOT_BLOCK',
      summary: `${quotedPath(path)} is ${sighting.what}, not a block device`,
      help: 'Give the path of a disk, such as one below `/dev/disk/by-id`. For an image in a file use `local_loop`.',
    };
  }
  const { facts } = sighting;
  return refuseKind(path, facts) ?? refuseUse(path, facts);
}

function absent(path: string): DiskProblem {
  return {
    code: 'DIB_DISK_ABSENT',
    summary: `The disk ${quotedPath(path)} is not on this machine`,
    help: 'Plug it in or log in to its target, and look with `lsblk --output NAME,SIZE,MODEL,SERIAL`. Names below `/dev/disk/by-id` stay the same.',
  };
}

function refuseKind(path: string, { node, identity, readOnly }: DeviceFacts): DiskProblem | undefined {
  const name = path === node ? quotedPath(path) : `${quotedPath(path)} (${node})`;
  if (identity.size === 0) {
    const help = 'Insert a medium, or attach what the device stands for.';
    return { code: 'DIB_DISK_NO_MEDIUM', summary: `${name} has no medium: its size is 0`, help };
  }
  if (readOnly) {
    const help = 'Release its write protection: a switch, `hdparm -r0`, or the settings of its target.';
    return { code: 'DIB_DISK_READ_ONLY', summary: `${name} is read-only`, help };
  }
  if (identity.sectorSize === 512 || identity.sectorSize === 4096) return undefined;
  return {
    code: 'DIB_DISK_SECTORS',
    summary: `${name} has sectors of ${identity.sectorSize} bytes`,
    detail: 'Partition tables and file systems are made for sectors of 512 and 4096 bytes.',
    help: 'Format the disk anew with sectors of 512 or 4096 bytes (`sg_format`, `nvme format`).',
  };
}

function refuseUse(path: string, { node, uses }: DeviceFacts): DiskProblem | undefined {
  const [first] = uses;
  if (first === undefined) return undefined;
  const name = path === node ? quotedPath(path) : `${quotedPath(path)} (${node})`;
  const detail = uses.map((use) => `  ${describeUse(use)}`).join('\n');
  if (uses.some(({ what }) => what === 'root')) {
    return {
      code: 'DIB_DISK_HOST_ROOT',
      summary: `${name} is the disk that this machine runs from`,
      detail: `It is never written to, also not with \`wipe: true\`:\n${detail}`,
      help: 'Give another disk.',
    };
  }
  return {
    code: 'DIB_DISK_IN_USE',
    summary: `${name} is in use`,
    detail: `${capitalised('a disk in use is never written to')}:\n${detail}`,
    help: release(first),
  };
}

function release({ what, on, by }: DeviceUse): string {
  switch (what) {
    case 'mount':
      return `If it is the right disk, unmount it with ${quotedPath(`umount ${on}`)}.`;
    case 'swap':
      return `If it is the right disk, stop that with ${quotedPath(`swapoff ${on}`)}.`;
    case 'lvm':
      return 'If it is the right disk, deactivate its volume group with `vgchange --activate n NAME`.';
    case 'luks':
      return `If it is the right disk, close it with ${quotedPath(`cryptsetup close ${by}`)}.`;
    case 'md':
      return `If it is the right disk, stop the array with ${quotedPath(`mdadm --stop ${by}`)}.`;
    case 'loop':
      return `If it is the right disk, detach that with ${quotedPath(`losetup --detach ${by}`)}.`;
    case 'dm':
      return `See what it is with ${quotedPath(`lsblk ${on}`)}. Of a multipath device give the path of the whole, not of one of its disks.`;
    case 'open':
    case 'root':
      return `See who has it with ${quotedPath(`fuser -v ${on}`)}.`;
  }
}

/** Contents that may not be lost unless the image and the user say so. */
export function refuseContents(path: string, facts: DeviceFacts): DiskProblem {
  const holds = facts.contents.known && !facts.contents.blank;
  return {
    code: 'DIB_DISK_NOT_EMPTY',
    summary: `${quotedPath(path)} ${holds ? 'is not empty' : 'may not be empty'}`,
    detail: `${capitalised(describeIdentity(facts.identity))}; it holds ${describeContents(facts.contents)}.`,
    help: 'If all of that may be lost, write `wipe: true` beside its path. It will still be asked for.',
  };
}

/** The disk at a path is not the one that was planned for. */
export function refuseOther(path: string, planned: DeviceIdentity, found: DeviceIdentity): DiskProblem | undefined {
  if (isSameDevice(planned, found)) return undefined;
  return {
    code: 'DIB_DISK_CHANGED',
    summary: `${quotedPath(path)} is another disk than the one that was planned for`,
    detail: `Planned: ${describeIdentity(planned)}\nFound:   ${describeIdentity(found)}`,
    help: 'Use a name below `/dev/disk/by-id`, which stays with the disk; then make the plan anew and look at it.',
  };
}
