import type { BlockDevices, Fstab, Mkfs, Mount } from './devices.ts';
import { type MountedFilesystem, mountedFilesystem } from './mounted.ts';

/** One line of /etc/fstab with what it is about. */
export interface FstabEntry {
  readonly fstab: Fstab;
  readonly mount: Mount;
  readonly mkfs: Mkfs;
  /** Without newline. */
  readonly line: string;
}

/** The lines of /etc/fstab in mount order: one for each mount that has an fstab node. */
export function fstabEntries(devices: BlockDevices): readonly FstabEntry[] {
  return devices.mounts.flatMap((mount): FstabEntry[] => {
    const fstab = devices.fstabs.find(({ base }) => base === mount.name);
    const mounted = mountedFilesystem(devices, mount);
    return fstab && mounted ? [{ fstab, mount, mkfs: mounted.mkfs, line: fstabLine(fstab, mount, mounted) }] : [];
  });
}

/** /etc/fstab (fstab(5)). File systems go by UUID: unlike labels and volume groups, these cannot be taken by another disk of the machine. */
export function fstabText(devices: BlockDevices): string {
  return fstabEntries(devices)
    .map(({ line }) => `${line}\n`)
    .join('');
}

function fstabLine(fstab: Fstab, mount: Mount, { mkfs, subvolume }: MountedFilesystem): string {
  const fields = [
    `UUID=${mkfs.uuid}`,
    mount.mountPoint,
    mkfs.type,
    subvolume === undefined ? fstab.options : withSubvolume(fstab.options, subvolume.path),
    String(fstab.dumpFreq),
    String(fstab.fsckPassno),
  ];
  return fields.map(escapeField).join(' ');
}

/** btrfs(5): without `subvol=` the default subvolume would be mounted. */
function withSubvolume(options: string, path: string): string {
  return options.split(',').some((option) => /^subvol(id)?=/.test(option)) ? options : `${options},subvol=${path}`;
}

/** White space and backslashes in octal, as getmntent(3) reads them; '#' would begin a comment only at the start of a line. */
function escapeField(field: string): string {
  return field.replace(/[ \t\n\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
