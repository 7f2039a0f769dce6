import type { Command } from '../exec/command.ts';
import { type RaidInputs, shown } from './disk-inputs.ts';

const KIB = 1024;

/**
 * Makes an array (mdadm(8)) and starts it. `zeroed`: what of the members nobody wrote reads as zeroes. Then all copies are equal, and the parity of
 * zeroes is zero, as is the second syndrome of level 6: nothing has to be synchronised.
 */
export function createArrayCommand(inputs: RaidInputs, node: string, devices: readonly string[]): Command {
  const { name, level, metadata, uuid, chunk, componentSize, dataOffset, options } = inputs;
  const redundant = level !== 0;
  return {
    argv: [
      ...['mdadm', '--create', node, '--run', '--homehost=any', `--name=${name}`, `--metadata=${metadata}`, `--uuid=${uuid}`],
      ...[`--level=${level}`, `--raid-devices=${devices.length}`],
      ...(level === 1 ? [] : [`--chunk=${chunk}K`]),
      ...(metadata === '1.0' ? [] : [`--data-offset=${shown(dataOffset, 'data offset', inKib)}K`]),
      ...(redundant ? [`--size=${shown(componentSize ?? 0, 'size', inKib)}K`] : []),
      ...(redundant && inputs.zeroed === true ? ['--assume-clean'] : []),
      ...(redundant && !choosesBitmap(options) ? ['--bitmap=internal'] : []),
      ...options,
      ...devices,
    ],
  };
}

/** Without a bitmap an array would be synchronised whole after each crash; mdadm itself makes one for large arrays. */
function choosesBitmap(options: readonly string[]): boolean {
  return options.some((option) => /^(-b|--bitmap|-k|--consistency-policy)/.test(option));
}

function inKib(bytes: number): number {
  return bytes / KIB;
}

/** Assembles an array of exactly these devices, if all of them have its UUID; nothing else is looked at, no configuration either. */
export function assembleArrayCommand(uuid: string, node: string, devices: readonly string[], readOnly = false): Command {
  const access = readOnly ? ['--readonly'] : [];
  return { argv: ['mdadm', '--assemble', '--config=none', ...access, `--uuid=${uuid}`, node, ...devices] };
}

export function stopArrayCommand(node: string): Command {
  return { argv: ['mdadm', '--stop', node] };
}

/** Prints who an array is, one `NAME=value` a line. */
export function describeArrayCommand(node: string): Command {
  return { argv: ['mdadm', '--detail', '--export', node], okExitCodes: [0, 1, 4] };
}

/** Hexadecimal digits of the UUID that describeArrayCommand prints; undefined when there is none. */
export function describedUuid(text: string): string | undefined {
  const [, uuid] = /^MD_UUID=([0-9a-fA-F:]+)$/m.exec(text) ?? [];
  return uuid && uuidDigits(uuid);
}

/** A UUID without its separators, which mdadm puts elsewhere than others do. */
export function uuidDigits(uuid: string): string {
  return uuid.replaceAll(/[^0-9a-fA-F]/g, '').toLowerCase();
}

/** An array of the kernel, running or not. */
export interface RunningArray {
  /** Such as /dev/md127. */
  readonly device: string;
  /** Names of its members in the kernel, such as `loop5`. */
  readonly members: readonly string[];
}

/** Reads /proc/mdstat (md(4)). */
export function parseMdstat(text: string): RunningArray[] {
  return text.split('\n').flatMap((line) => {
    const [, name, rest] = /^(md\S*) : (.*)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) return [];
    return [{ device: `/dev/${name}`, members: [...rest.matchAll(/(\S+)\[\d+\]/g)].map(([, member]) => member as string) }];
  });
}
