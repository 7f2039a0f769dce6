import { quoted } from '../diagnostics/printable.ts';
import type { DiskSize, ExistingDisk, LocalLoop } from './devices.ts';
import { missingKey, type ParseContext, pointerOf, readSizeText, readString, sizeProblem, wrongType } from './fields.ts';
import { describe, type Item, title } from './item.ts';
import { parseSize, roundUp } from './sizes.ts';

export function readDisk(context: ParseContext, item: Item): LocalLoop {
  if (item.values['directory'] !== undefined) {
    context.issues.warn('DIB_BLOCKDEV_DIRECTORY', pointerOf(item, 'directory'), {
      summary: `\`directory\` of ${title(item)} has no effect`,
      detail: 'dib keeps disk files in its state directory and writes images where `outputs` says.',
      help: 'remove it',
      part: 'key',
    });
  }
  const sizeText = item.values['size'] === undefined ? undefined : readSizeText(context, item, 'size');
  const blockSize = readBlockSize(context, item);
  const size = readDiskSize(context, item, sizeText);
  return {
    plugin: 'local_loop',
    name: item.name,
    pointer: item.pointer,
    // A loop device gives an I/O error on a last part of a sector.
    size: typeof size === 'object' ? { bytes: roundUp(size.bytes, blockSize) } : size,
    ...(sizeText === undefined ? {} : { sizeText }),
    blockSize,
  };
}

/** A disk that is there already. Nothing of it is looked at here. */
export function readExistingDisk(context: ParseContext, item: Item): ExistingDisk {
  const wipe = item.values['wipe'];
  if (wipe !== undefined && typeof wipe !== 'boolean')
    wrongType(context, item, 'wipe', '`true` or `false`', 'write `wipe: true` if what is on the disk may be overwritten');
  return {
    plugin: 'disk',
    name: item.name,
    pointer: item.pointer,
    path: readDevicePath(context, item),
    wipe: wipe === true,
    size: 'device',
    blockSize: 512,
  };
}

function readDevicePath(context: ParseContext, item: Item): string {
  const help = 'write the path of the device: `path: /dev/disk/by-id/...`';
  if (item.values['path'] === undefined) return missingKey(context, item, 'path', help) ?? '';
  const text = readString(context, item, 'path', help);
  if (text === undefined) return '';
  const segments = text.split('/');
  const fault = !text.startsWith('/dev/')
    ? 'is not a path below /dev'
    : segments.includes('..') || segments.includes('.')
      ? 'has `.` or `..` in it'
      : segments.slice(1).includes('')
        ? 'has an empty part'
        : /[\x00-\x1f\x7f]/.test(text)
          ? 'has control characters in it'
          : undefined;
  if (fault !== undefined) {
    context.issues.error('DIB_BLOCKDEV_DISK_PATH', pointerOf(item, 'path'), {
      summary: `\`path\` of ${title(item)}: ${quoted(text)} ${fault}`,
      help: text.startsWith('/dev/')
        ? 'write the plain path of the device'
        : `${help}; for a disk image in a file, use \`local_loop\``,
    });
  }
  return text;
}

function readDiskSize(context: ParseContext, item: Item, text: string | undefined): DiskSize {
  if (text === undefined) {
    const { imageSize } = context.defaults;
    return imageSize === undefined ? 'computed' : { bytes: imageSize };
  }
  if (text === 'auto') return 'auto';
  if (text.endsWith('%')) {
    context.issues.error('DIB_BLOCKDEV_SIZE_SYNTAX', pointerOf(item, 'size'), {
      summary: `\`size\` of ${title(item)}: a disk is not a part of anything, so it has no percentage`,
      help: 'write `4GiB`, or `auto` for the smallest disk that holds the content',
    });
    return 'computed';
  }
  const result = parseSize(text);
  if ('bytes' in result) return result;
  sizeProblem(context, item, 'size', result.problem);
  return 'computed';
}

function readBlockSize(context: ParseContext, item: Item): 512 | 4096 {
  const value = item.values['block_size'];
  const size = context.blockSizeOverride ?? (typeof value === 'string' ? Number(value) : value) ?? 512;
  if (size === 512 || size === 4096) return size;
  const overridden = context.blockSizeOverride !== undefined;
  context.issues.error('DIB_BLOCKDEV_BLOCK_SIZE', overridden ? item.pointer : pointerOf(item, 'block_size'), {
    summary: `\`block_size\` of ${title(item)} must be 512 or 4096, not ${overridden ? `\`DIB_BLOCK_SIZE=${size}\`` : describe(value)}`,
    help: 'leave it out for 512, or write `block_size: 4096` for a disk with 4 KiB sectors',
    part: overridden ? 'key' : 'value',
  });
  return 512;
}
