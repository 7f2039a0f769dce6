import { quoted } from '../diagnostics/printable.ts';
import type { LogicalVolume, PhysicalVolume, VolumeGroup, VolumeSize, VolumeType } from './devices.ts';
import { missingKey, type ParseContext, pointerOf, readChoice, readOptions, readSize, readString, wrongType } from './fields.ts';
import { lvmId } from './identifiers.ts';
import { describe, type Item, isList, title } from './item.ts';
import { groupNameFault, mapperNameFits, volumeNameFault } from './lvm-names.ts';
import { exactSize, GIB, KIB, MIB } from './sizes.ts';

const EXTENT_SIZE = 4 * MIB;
const SMALLEST_EXTENT = 4 * KIB;
const LARGEST_EXTENT = 16 * GIB;

/** The lists of an lvm: that they are lists, and that there is something in them. */
export function checkLvm(context: ParseContext, item: Item): void {
  const lists = ['pvs', 'vgs', 'lvs'];
  const help = 'write `vgs: [{name: vg, base: [pv]}]`, and likewise `pvs` and `lvs`';
  for (const list of lists) {
    const value = item.values[list];
    if (value !== undefined && !isList(value)) wrongType(context, item, list, 'a list', help);
  }
  if (lists.some((list) => item.values[list] !== undefined)) return;
  context.issues.error('DIB_BLOCKDEV_EMPTY', item.pointer, {
    summary: `${title(item)} has neither \`pvs\` nor \`vgs\` nor \`lvs\``,
    help,
    part: 'key',
  });
}

/** A physical volume: of the list `pvs`, or an `lvm_pv`. */
export function readPhysicalVolume(context: ParseContext, item: Item): PhysicalVolume {
  if (item.kind === 'lvm_pv') {
    const help = 'add `vg:` with the name of the volume group';
    if (item.values['vg'] === undefined) missingKey(context, item, 'vg', help);
    else readString(context, item, 'vg', help);
  }
  return {
    plugin: 'pvs',
    name: item.name,
    pointer: item.pointer,
    base: item.base ?? '',
    id: lvmId(context.imageName, `pvs.${item.name}`),
    options: withoutConsent(readOptions(context, item)),
  };
}

export function readVolumeGroup(context: ParseContext, item: Item): VolumeGroup {
  if (item.named) checkName(context, item, groupNameFault(item.name));
  if (item.bases.length === 0 && (item.values['base'] === undefined || isList(item.values['base']))) {
    context.issues.error('DIB_BLOCKDEV_NO_MEMBERS', item.values['base'] === undefined ? item.pointer : pointerOf(item, 'base'), {
      summary: `${title(item)} has no physical volume`,
      detail: 'No device names it, and it names none.',
      help: `write \`lvm_pv: {vg: ${item.named ? item.name : 'data'}}\` below a device, or \`base: [pv]\` with names from \`pvs\``,
      part: item.values['base'] === undefined ? 'key' : 'value',
    });
  }
  const { extentSize, options } = extentSizeOption(withoutConsent(readOptions(context, item)));
  return {
    plugin: 'vgs',
    name: item.name,
    pointer: item.pointer,
    base: item.bases.map(({ name }) => name),
    id: lvmId(context.imageName, `vgs.${item.name}`),
    extentSize: readExtentSize(context, item, extentSize),
    options,
  };
}

function readExtentSize(context: ParseContext, item: Item, option: number | undefined): number {
  const written = item.values['extent_size'] !== undefined;
  const size = written ? readSize(context, item, 'extent_size') : (option ?? EXTENT_SIZE);
  if (size === undefined) return EXTENT_SIZE;
  const power = Number.isInteger(Math.log2(size));
  if (power && size >= SMALLEST_EXTENT && size <= LARGEST_EXTENT) return size;
  context.issues.error('DIB_BLOCKDEV_EXTENT_SIZE', pointerOf(item, written ? 'extent_size' : 'options'), {
    summary: `the extent size of ${title(item)} must be a power of two from 4 KiB to 16 GiB, not \`${exactSize(size)}\``,
    help: 'write `extent_size: 8MiB`, or leave it out for 4 MiB',
  });
  return EXTENT_SIZE;
}

/**
 * Takes `-s SIZE`, `--physicalextentsize SIZE` out of arguments of vgcreate, because the layout follows from it. LVM's units count by 1024,
 * in either case; without one, MiB (vgcreate(8)).
 */
function extentSizeOption(options: readonly string[]): { readonly extentSize?: number; readonly options: readonly string[] } {
  const rest: string[] = [];
  let extentSize: number | undefined;
  for (let index = 0; index < options.length; index++) {
    const word = options[index] as string;
    const match = /^(?:-s|--physicalextentsize)(?:=?([0-9].*))?$/.exec(word);
    const text = match === null ? undefined : (match[1] ?? options[index + 1]);
    const size = text === undefined ? undefined : lvmSize(text);
    if (match === null || size === undefined) {
      rest.push(word);
      continue;
    }
    if (match[1] === undefined) index++;
    extentSize = size;
  }
  return { ...(extentSize === undefined ? {} : { extentSize }), options: rest };
}

function lvmSize(text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)([bskmgt]?)$/i.exec(text);
  if (match === null) return undefined;
  const units: Readonly<Record<string, number>> = { b: 1, s: 512, k: KIB, m: MIB, '': MIB, g: GIB, t: 1024 * GIB };
  return Number(match[1]) * (units[(match[2] ?? '').toLowerCase()] ?? MIB);
}

/**
 * Arguments without those that only answer questions: nobody asks any on an empty device. What is left changes what LVM makes, and needs
 * LVM itself to make it.
 */
function withoutConsent(options: readonly string[]): readonly string[] {
  return options.filter((option) => !/^(?:-f+|--force|-y|--yes|-q+|--quiet)$/.test(option));
}

export function readLogicalVolume(context: ParseContext, item: Item, byName: ReadonlyMap<string, Item>): LogicalVolume {
  if (item.named) {
    checkName(context, item, volumeNameFault(item.name));
    if (item.base !== undefined && volumeNameFault(item.name) === undefined && !mapperNameFits(item.base, item.name)) {
      checkName(
        context,
        item,
        `is too long together with its group: a device has a name of at most 127 characters, and \`-\` counts twice`,
      );
    }
  }
  const type =
    readChoice<VolumeType>(context, item, 'type', ['linear', 'thin-pool', 'thin'], 'DIB_BLOCKDEV_VOLUME_TYPE') ?? 'linear';
  const pool = readPool(context, item, type, byName);
  return {
    plugin: 'lvs',
    name: item.name,
    pointer: item.pointer,
    base: item.base ?? '',
    volume: item.name,
    id: lvmId(context.imageName, `lvs.${item.name}`),
    type,
    ...readVolumeSize(context, item, type),
    ...(pool === undefined ? {} : { pool }),
    options: withoutConsent(readOptions(context, item)),
  };
}

function checkName(context: ParseContext, item: Item, fault: string | undefined): void {
  if (fault === undefined) return;
  const group = item.kind === 'vgs';
  context.issues.error('DIB_BLOCKDEV_LVM_NAME', pointerOf(item, 'name'), {
    summary: `${quoted(item.name)} cannot be the name of a ${group ? 'volume group' : 'logical volume'}: it ${fault}`,
    help: `choose another name, such as \`${group ? 'vg0' : 'lv_root'}\`; see lvm(8), "Valid names"`,
  });
}

function readPool(context: ParseContext, item: Item, type: VolumeType, byName: ReadonlyMap<string, Item>): string | undefined {
  const key = 'thin-pool';
  const pools = [...byName.values()].filter((other) => other.kind === 'lvs' && other.values['type'] === 'thin-pool');
  const example = pools.find((pool) => pool.base === item.base) ?? pools[0];
  const help = `add \`thin-pool: ${example?.named ? example.name : 'pool'}\`${example ? '' : ', and a volume `{name: pool, type: thin-pool, ...}` in the same group'}`;
  if (type !== 'thin') {
    if (item.values[key] === undefined) return undefined;
    context.issues.error('DIB_BLOCKDEV_THIN_POOL', pointerOf(item, key), {
      summary: `${title(item)} has a \`${key}\`, but it is no thin volume`,
      help: type === 'thin-pool' ? `remove \`${key}\`: it is a pool itself` : 'add `type: thin`, or remove it',
      part: 'key',
    });
    return undefined;
  }
  if (item.values[key] === undefined) return missingKey(context, item, key, help);
  const name = readString(context, item, key, help);
  if (name === undefined) return undefined;
  const pool = byName.get(name);
  const complain = (summary: string, cure: string): undefined => {
    context.issues.error('DIB_BLOCKDEV_THIN_POOL', pointerOf(item, key), {
      summary,
      help: cure,
      related: pool === undefined ? [] : [{ message: `${title(pool)} is here`, pointer: pool.pointer, part: 'key' }],
    });
    return undefined;
  };
  if (pool === undefined) return complain(`\`${key}\` of ${title(item)}: there is no ${quoted(name)}`, help);
  if (!pools.includes(pool)) {
    const cure = pool.kind === 'lvs' ? `give ${quoted(name)} \`type: thin-pool\`` : help;
    return complain(`\`${key}\` of ${title(item)}: ${title(pool)} is no thin pool`, cure);
  }
  if (pool.base === item.base || item.base === undefined || pool.base === undefined) return name;
  return complain(
    `\`${key}\` of ${title(item)}: ${title(pool)} is in the group ${quoted(pool.base)}, not in ${quoted(item.base)}`,
    `a pool and its volumes are in one group: write \`base: ${pool.base}\`, or use a pool of ${quoted(item.base)}`,
  );
}

function readVolumeSize(
  context: ParseContext,
  item: Item,
  type: VolumeType,
): { readonly size: VolumeSize; readonly sizeText: string } {
  const none = { size: { extents: 1 }, sizeText: '' };
  const { size, extents } = item.values;
  if (size === undefined && extents === undefined) {
    missingKey(
      context,
      item,
      'size',
      type === 'thin' ? 'add `size: 10GiB`' : 'add `size: 10GiB`, or `extents: 100%FREE` for all that is left',
    );
    return none;
  }
  if (size !== undefined && extents !== undefined) {
    context.issues.error('DIB_BLOCKDEV_VOLUME_SIZE', pointerOf(item, 'extents'), {
      summary: `${title(item)} has both \`size\` and \`extents\``,
      detail: 'diskimage-builder would take `size` and pass over `extents`.',
      help: 'remove one of them',
      part: 'key',
      related: [{ message: 'the size', pointer: pointerOf(item, 'size') }],
    });
    return none;
  }
  if (size === undefined) return readExtents(context, item, type) ?? none;
  if (typeof size === 'string' && /%/.test(size)) {
    context.issues.error('DIB_BLOCKDEV_VOLUME_SIZE', pointerOf(item, 'size'), {
      summary: `\`size\` of ${title(item)} is absolute, not ${quoted(size)}`,
      help: 'write a share as `extents: 50%VG` or `extents: 100%FREE`',
    });
    return none;
  }
  if (size === 'auto') {
    context.issues.error('DIB_BLOCKDEV_AUTO_WITHOUT_CONTENT', pointerOf(item, 'size'), {
      summary: `\`size\` of ${title(item)} cannot be \`auto\``,
      detail: 'dib fits disks and partitions to their content; a volume then takes its share of the group.',
      help: 'write `extents: 100%FREE`, and `size: auto` at the disk or partition',
    });
    return none;
  }
  const bytes = readSize(context, item, 'size');
  return bytes === undefined ? none : { size: { bytes }, sizeText: size as string };
}

function readExtents(
  context: ParseContext,
  item: Item,
  type: VolumeType,
): { readonly size: VolumeSize; readonly sizeText: string } | undefined {
  const value = item.values['extents'];
  const text = typeof value === 'number' ? String(value) : value;
  const complain = (code: string, summary: string, help: string): undefined => {
    context.issues.error(code, pointerOf(item, 'extents'), { summary, help });
    return undefined;
  };
  if (type === 'thin') {
    return complain(
      'DIB_BLOCKDEV_VOLUME_SIZE',
      `${title(item)} is a thin volume: its size is one that it pretends, not a share of its group`,
      'write `size: 10GiB` instead of `extents`',
    );
  }
  const help = 'write a number of extents, or a share: `28%VG`, `100%FREE` or `100%PVS`';
  if (typeof text !== 'string') return wrongType(context, item, 'extents', 'a number or a share', help);
  const match = /^([0-9]{1,12})(?:%(VG|FREE|PVS))?$/i.exec(text);
  if (match === null) {
    const percent = /^[0-9]+%$/.test(text) ? `write ${quoted(`${text}FREE`)} or ${quoted(`${text}VG`)}` : help;
    return complain('DIB_BLOCKDEV_EXTENTS', `\`extents\` of ${title(item)} cannot be ${describe(text)}`, percent);
  }
  const number = Number(match[1]);
  const of = match[2]?.toUpperCase() as 'VG' | 'FREE' | 'PVS' | undefined;
  if (number === 0 || (of !== undefined && number > 100)) {
    const range = of === undefined ? 'at least 1' : 'from 1 to 100 percent';
    return complain('DIB_BLOCKDEV_EXTENTS', `\`extents\` of ${title(item)} must be ${range}, not ${quoted(text)}`, help);
  }
  return {
    size: of === undefined ? { extents: number } : { percent: number, of },
    sizeText: of === undefined ? `${number} extents` : text,
  };
}
