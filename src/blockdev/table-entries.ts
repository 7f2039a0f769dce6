import type { Partition, TableLabel } from './devices.ts';
import { type ParseContext, pointerOf } from './fields.ts';
import { type Item, title } from './item.ts';
import { formatBytes, MIB } from './sizes.ts';

/** Partitions that a GUID partition table of the usual size holds. */
const GPT_ENTRIES = 128;
/** Each logical partition needs a link of its own; more are no use to anyone, and PARTUUID has two digits. */
const MBR_LAST_NUMBER = 63;

/** What the table has no room for. */
export function checkEntries(
  context: ParseContext,
  table: Item,
  label: TableLabel | undefined,
  items: readonly Item[],
  partitions: readonly Partition[],
): void {
  if (label === 'gpt') {
    if (items.length > GPT_ENTRIES) {
      context.issues.error('DIB_BLOCKDEV_GPT_ENTRIES', (items[GPT_ENTRIES] as Item).pointer, {
        summary: `${title(table)} has ${items.length} partitions; a gpt holds ${GPT_ENTRIES}`,
        help: 'use fewer partitions, or a second disk',
      });
    }
    checkAutoAndPercent(context, items, partitions);
    return;
  }
  if (label === 'mbr') {
    checkMbrEntries(context, table, items, partitions);
    checkAutoAndPercent(context, items, partitions);
  }
}

function checkMbrEntries(context: ParseContext, table: Item, items: readonly Item[], partitions: readonly Partition[]): void {
  const firstLogical = partitions.findIndex((partition) => !partition.primary);
  const primaries = partitions.filter((partition) => partition.primary).length;
  const entries = primaries + (firstLogical === -1 ? 0 : 1);
  if (entries > 4) {
    const fifth = primaries > 4 ? partitions.filter((partition) => partition.primary)[4] : partitions[firstLogical];
    const counted =
      firstLogical === -1
        ? `${primaries} primary partitions`
        : `${primaries} primary partitions and an extended one for the logical partitions`;
    context.issues.error('DIB_BLOCKDEV_MBR_ENTRIES', fifth?.pointer ?? table.pointer, {
      summary: `${title(table)} needs ${entries} entries; an mbr has 4`,
      detail: `It has ${counted}.`,
      help: 'leave the flag `primary` out for all but the first three (they become logical partitions), or use `label: gpt`',
    });
  }
  for (const [index, partition] of partitions.entries()) {
    if (!partition.primary || firstLogical === -1 || index < firstLogical) continue;
    const logical = items[firstLogical] as Item;
    context.issues.error('DIB_BLOCKDEV_MBR_ORDER', partition.pointer, {
      summary: `${title(items[index] as Item)} is primary and comes after ${title(logical)}, which is logical`,
      detail: 'The extended partition that holds the logical ones reaches to the end of the disk.',
      help: 'put all primary partitions first',
      related: [{ message: 'the first logical partition', pointer: logical.pointer }],
    });
  }
  if (partitions.length - primaries > MBR_LAST_NUMBER - 4) {
    const summary = `${title(table)} has ${partitions.length - primaries} logical partitions; at most ${MBR_LAST_NUMBER - 4} are of use`;
    context.issues.error('DIB_BLOCKDEV_MBR_ENTRIES', table.pointer, { summary, help: 'use `label: gpt`', part: 'key' });
  }
  const bootable = partitions.flatMap((partition, index) => (partition.boot ? [items[index] as Item] : []));
  const [first, second] = bootable;
  if (first && second) {
    context.issues.warn('DIB_BLOCKDEV_SEVERAL_BOOT', pointerOf(second, 'flags'), {
      summary: `${title(first)} and ${title(second)} both have the flag \`boot\`; boot code expects one`,
      help: 'keep it on the partition to boot from',
    });
  }
}

/** After `100%` nothing is left. */
function checkAutoAndPercent(context: ParseContext, items: readonly Item[], partitions: readonly Partition[]): void {
  const all = partitions.findIndex(
    (partition) => partition.size !== 'auto' && 'percent' in partition.size && partition.size.percent === 100,
  );
  const next = all === -1 ? undefined : items[all + 1];
  if (next === undefined) return;
  const last = items[all] as Item;
  context.issues.error('DIB_BLOCKDEV_NOTHING_LEFT', next.pointer, {
    summary: `nothing is left for ${title(next)}: ${title(last)} before it takes 100%`,
    detail: 'A percentage is of the space that is left after the partitions before it.',
    help: `put ${title(last)} last, or give it less; ${formatBytes(MIB)} is the least that a partition takes`,
    related: [{ message: 'takes all that is left', pointer: pointerOf(last, 'size') }],
  });
}
