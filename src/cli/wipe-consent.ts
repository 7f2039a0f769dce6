import { basename } from 'node:path';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import type { DiskCheck, DiskToWipe } from '../plan/device-permits.ts';
import { ask } from './ask.ts';

export interface WipeOptions {
  /** `--wipe-device`: paths as declared, or where they lead. */
  readonly wipeDevice?: readonly string[];
  readonly autoApprove?: boolean;
}

/**
 * The disks whose loss nobody agreed to yet on the command line. Throws DIB_CLI_WIPE_DEVICE for a path that is no disk of the image, and
 * DIB_CLI_NOT_APPROVED where nobody can be asked.
 */
export function disksToConfirm(
  { toWipe, declared }: DiskCheck,
  options: WipeOptions,
  isTerminal: boolean,
): readonly DiskToWipe[] {
  const given = options.wipeDevice ?? [];
  const stray = given.find((path) => !declared.some((disk) => path === disk.path || path === disk.node));
  if (stray !== undefined) {
    const known = declared.map(({ path }) => path);
    fail(
      {
        code: 'DIB_CLI_WIPE_DEVICE',
        summary: `\`--wipe-device\` names ${quotedPath(stray)}, which is no disk of this image`,
        help:
          known.length === 0
            ? 'The image is written to no disk of this machine: leave it out.'
            : `Its disks are ${listOf(known)}.`,
      },
      ExitCode.Usage,
    );
  }
  const left = toWipe.filter(({ path, node }) => !given.includes(path) && !given.includes(node));
  if (left.length === 0 || (isTerminal && options.autoApprove !== true)) return left;
  const flags = left.map(({ path }) => quotedPath(`--wipe-device ${path}`)).join(' and ');
  return fail(
    {
      code: 'DIB_CLI_NOT_APPROVED',
      summary: `Nobody agreed to lose what is on ${listOf(left.map(({ path }) => path))}`,
      detail: `${left.map((disk) => `  ${disk.path} (${disk.who}) holds ${disk.holds}`).join('\n')}\nNothing was changed.`,
      help: `If that may be lost, give ${flags}. On a terminal, without \`--auto-approve\`, dib asks for the name of the disk instead.`,
    },
    ExitCode.Usage,
  );
}

/** Asks for the name of each disk that loses what it holds. Throws DIB_CLI_CANCELLED when another answer is given. */
export async function confirmByName(disks: readonly DiskToWipe[]): Promise<void> {
  for (const disk of disks) {
    const names = namesOf(disk);
    const question = `\nEverything on ${disk.path} (${disk.who}) will be lost: ${disk.holds}.\n  Type ${names[0]} to agree.\n\n  Enter a value: `;
    const answer = await ask(question);
    if (names.includes(answer)) continue;
    fail({
      code: 'DIB_CLI_CANCELLED',
      summary: `Apply cancelled: ${quoted(answer)} is not the name of the disk`,
      detail: 'Nothing was changed.',
    });
  }
}

/** What may be typed: the last part of the path as declared, or of where it leads, or either path. */
function namesOf({ path, node }: DiskToWipe): readonly string[] {
  return [basename(path), basename(node), path, node];
}
