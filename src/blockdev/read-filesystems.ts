import { quoted } from '../diagnostics/printable.ts';
import { listOf, suggestion } from '../diagnostics/suggest.ts';
import type { FilesystemType, Fstab, Mkfs, Mount, Subvolume } from './devices.ts';
import { missingKey, type ParseContext, pointerOf, readInteger, readString, readUuid, readWords, wrongType } from './fields.ts';
import { FILESYSTEM_ALIASES, FILESYSTEM_TYPES, FILESYSTEMS } from './filesystems.ts';
import { deterministicUuid, volumeId } from './identifiers.ts';
import { type Item, isList, title } from './item.ts';

/** Directories where the running system mounts file systems of its own. */
const VIRTUAL = ['/proc', '/sys', '/dev', '/run'];

/** A file system, written as `mkfs` or `btrfs`. `root`: mounted at `/`, so the environment's defaults apply. */
export function readMkfs(context: ParseContext, item: Item, root: boolean): Mkfs {
  if (item.kind === 'btrfs') checkSubvolumes(context, item);
  const type = item.kind === 'btrfs' ? 'btrfs' : readType(context, item, root);
  const address = `mkfs.${item.name}`;
  const written = item.values['uuid'] === undefined ? undefined : readUuid(context, item, type === 'vfat' ? 'volume id' : 'uuid');
  const opts = readWords(context, item, 'opts', /\s+/, 'write `opts: -m 1` or `opts: [-m, "1"]`');
  return {
    plugin: 'mkfs',
    name: item.name,
    pointer: item.pointer,
    base: item.base ?? '',
    type: type ?? 'ext4',
    label: readLabel(context, item, type, root),
    uuid: written ?? (type === 'vfat' ? volumeId(context.imageName, address) : deterministicUuid(context.imageName, address)),
    opts: opts ?? (root ? (context.defaults.mkfsOpts ?? []) : []),
  };
}

function checkSubvolumes(context: ParseContext, item: Item): void {
  const { subvolumes } = item.values;
  if (subvolumes === undefined || isList(subvolumes)) return;
  wrongType(
    context,
    item,
    'subvolumes',
    'a list',
    "write `subvolumes: [{name: home, path: '@home', mount: {mount_point: /home}}]`",
  );
}

export function readSubvolume(context: ParseContext, item: Item): Subvolume {
  const help = "write `path: '@home'`, or leave it out: it is the name then";
  const path = readString(context, item, 'path', help) ?? item.name;
  const fault =
    item.values['path'] === undefined
      ? undefined
      : path.startsWith('/')
        ? 'begins with a slash'
        : path.split('/').some((part) => part === '' || part === '.' || part === '..')
          ? 'has an empty part, `.` or `..` in it'
          : /[\x00-\x1f\x7f,]/.test(path)
            ? 'has commas or control characters in it'
            : path.split('/').some((part) => Buffer.byteLength(part) > 255)
              ? 'is too long'
              : undefined;
  if (fault !== undefined) {
    context.issues.error('DIB_BLOCKDEV_SUBVOLUME_PATH', pointerOf(item, 'path'), {
      summary: `\`path\` of ${title(item)}: ${quoted(path)} ${fault}`,
      help,
    });
  }
  return { plugin: 'subvolume', name: item.name, pointer: item.pointer, base: item.base ?? '', path };
}

function readType(context: ParseContext, item: Item, root: boolean): FilesystemType | undefined {
  const help = `add \`type: ext4\`; dib makes ${listOf(FILESYSTEM_TYPES)}`;
  const written = item.values['type'] !== undefined;
  const text = written
    ? readString(context, item, 'type', help)
    : root
      ? (context.defaults.fsType ?? 'ext4')
      : missingKey(context, item, 'type', help);
  if (text === undefined) return undefined;
  const type = Object.hasOwn(FILESYSTEM_ALIASES, text)
    ? FILESYSTEM_ALIASES[text]
    : FILESYSTEM_TYPES.find((known) => known === text);
  const pointer = written ? pointerOf(item, 'type') : item.pointer;
  if (type === undefined) {
    context.issues.error('DIB_BLOCKDEV_FS_TYPE', pointer, {
      summary: `unknown file system type ${quoted(text)} of ${title(item)}${written ? '' : ' (from `FS_TYPE`)'}`,
      help: suggestion(text, FILESYSTEM_TYPES),
      part: written ? 'value' : 'key',
    });
  } else if (root && !FILESYSTEMS[type].root) {
    context.issues.error('DIB_BLOCKDEV_ROOT_FS_TYPE', pointer, {
      summary: `${title(item)} is mounted at \`/\`, but ${type} cannot hold a root file system`,
      help: 'use `type: ext4`',
    });
  }
  return type;
}

function readLabel(context: ParseContext, item: Item, type: FilesystemType | undefined, root: boolean): string {
  const written = item.values['label'] !== undefined;
  const fallback = root ? (context.defaults.rootLabel ?? (type === 'xfs' ? 'img-rootfs' : 'cloudimg-rootfs')) : item.name;
  const text = written
    ? readString(context, item, 'label', 'put it in quotes, such as `label: "2024"`, or leave it out')
    : fallback;
  if (text === undefined || type === undefined) return text ?? fallback;
  if (!written && !root && !item.named) return fallback;
  const label = type === 'vfat' ? text.toUpperCase() : text;
  const pointer = written ? pointerOf(item, 'label') : item.pointer;
  const part = written ? 'value' : 'key';
  const source = written ? '' : root ? '' : " It follows from the node's name.";
  const { labelBytes, labelForbids } = FILESYSTEMS[type];
  const length = Buffer.byteLength(label);
  if (length > labelBytes) {
    context.issues.error('DIB_BLOCKDEV_LABEL_TOO_LONG', pointer, {
      summary: `the label ${quoted(label)} of ${title(item)} is too long for ${type}: ${length} > ${labelBytes} bytes`,
      detail: `A file system of type ${type} has room for ${labelBytes} bytes.${source}`,
      help: written ? 'shorten it' : `add a \`label:\` of at most ${labelBytes} bytes`,
      part,
    });
  } else if (label === '' || /[\x00-\x1f\x7f]/.test(label) || labelForbids?.test(label)) {
    context.issues.error('DIB_BLOCKDEV_LABEL', pointer, {
      summary:
        label === ''
          ? `\`label\` of ${title(item)} is empty`
          : `the label ${quoted(label)} of ${title(item)} has characters that ${type} does not allow`,
      help: 'use letters, digits, `-` and `_`',
      part,
    });
  }
  return label;
}

/** `swap`: on a swap area, which has no mount point. */
export function readMount(context: ParseContext, item: Item, swap: boolean): Mount {
  const help = 'separate them by commas: `options: noatime,nodev`';
  const options = readWords(context, item, 'options', /,/, help) ?? [];
  checkOptions(context, item, options);
  return {
    plugin: 'mount',
    name: item.name,
    pointer: item.pointer,
    base: item.base ?? '',
    mountPoint: readMountPoint(context, item, swap),
    options,
  };
}

/** What a mount item names as its mount point, before any check; to find the root file system. */
export function isRootMount(item: Item): boolean {
  const text = item.values['mount_point'];
  return typeof text === 'string' && /^\/+$/.test(text);
}

function readMountPoint(context: ParseContext, item: Item, swap: boolean): string {
  const none = `?${item.pointer}`;
  const pointer = pointerOf(item, 'mount_point');
  if (item.values['mount_point'] === undefined) {
    if (swap) return 'none';
    missingKey(context, item, 'mount_point', 'add `mount_point: /`');
    return none;
  }
  const text = readString(context, item, 'mount_point', 'write an absolute path, such as `/var`');
  if (text === undefined) return none;
  const keyword = text === 'none' || text === 'swap';
  if (swap && keyword) return 'none';
  if (swap || keyword) {
    context.issues.error('DIB_BLOCKDEV_MOUNT_POINT', pointer, {
      summary: swap
        ? `${title(item)} is of a swap area, which is not mounted at ${quoted(text)}`
        : `the mount point ${quoted(text)} of ${title(item)} is only for swap`,
      help: swap ? 'write `mount_point: none`' : 'write an absolute path, or `type: swap` if swap is meant',
    });
    return none;
  }
  const path = text.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '');
  const wrong = mountPointFault(text, path);
  if (wrong === undefined) return path;
  context.issues.error('DIB_BLOCKDEV_MOUNT_POINT', pointer, {
    summary: `the mount point ${quoted(text)} of ${title(item)} ${wrong.fault}`,
    help: wrong.help,
  });
  return none;
}

function mountPointFault(text: string, path: string): { readonly fault: string; readonly help: string } | undefined {
  if (!text.startsWith('/')) return { fault: 'is not absolute', help: `write ${quoted(`/${text.replace(/^\.*\/*/, '')}`)}` };
  if (path.split('/').some((segment) => segment === '..' || segment === '.')) {
    return { fault: 'has `.` or `..` in it', help: 'write the path without `.` and `..`' };
  }
  if (/[\x00-\x1f\x7f]/.test(path)) return { fault: 'has control characters in it', help: 'write a plain path' };
  if (path.length > 1024) return { fault: 'is too long', help: 'write a path of at most 1024 characters' };
  const virtual = VIRTUAL.find((directory) => path === directory || path.startsWith(`${directory}/`));
  if (virtual === undefined) return undefined;
  return {
    fault: `is in \`${virtual}\`, where the running system mounts a file system of its own`,
    help: 'choose another directory',
  };
}

function checkOptions(context: ParseContext, item: Item, options: readonly string[]): void {
  const wrong = options.find((option) => /[\s\x00-\x1f\x7f]/.test(option));
  if (wrong === undefined) return;
  context.issues.error('DIB_BLOCKDEV_MOUNT_OPTIONS', pointerOf(item, 'options'), {
    summary: `the option ${quoted(wrong)} of ${title(item)} has white space in it`,
    help: 'separate options by commas, without spaces: `noatime,nodev`',
  });
}

/** `mount`: what the fstab node stands on, if it is there. */
export function readFstab(context: ParseContext, item: Item, mount: Mount | undefined): Fstab {
  const options = readWords(context, item, 'options', /,/, 'separate them by commas: `options: noatime,nodev`');
  checkOptions(context, item, options ?? []);
  const inherited = mount && mount.options.length > 0 ? mount.options.join(',') : 'defaults';
  const swap = mount?.mountPoint === 'none';
  const written = options === undefined || options.length === 0 ? undefined : options.join(',');
  const dumpFreq = readInteger(context, item, 'dump-freq', [0, 9]);
  const fsckPassno = readInteger(context, item, 'fsck-passno', [0, 9]);
  return {
    plugin: 'fstab',
    name: item.name,
    pointer: item.pointer,
    base: item.base ?? '',
    options: written ?? (swap ? 'sw' : inherited),
    dumpFreq: swap ? 0 : (dumpFreq ?? 0),
    fsckPassno: swap ? 0 : (fsckPassno ?? (mount?.mountPoint === '/' ? 1 : 2)),
  };
}
