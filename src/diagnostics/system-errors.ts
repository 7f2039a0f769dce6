import type { Diagnostic } from './diagnostic.ts';
import { DibError } from './errors.ts';
import { quotedPath } from './printable.ts';

type Explanation = (where: string | undefined) => Pick<Diagnostic, 'code' | 'summary' | 'help'>;

const GO_ON = 'then run the same command again: it goes on from the last recorded step.';

/** errno(3) names of what is wrong with the machine and not with dib. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOSPC: (where) => ({
    code: 'DIB_DISK_FULL',
    summary: `No space is left on this machine ${where === undefined ? 'where dib keeps state, work files and cache' : `for ${where}`}`,
    help: `Make room, or keep state and work files elsewhere with \`--state-dir\`, the cache with \`DIB_IMAGE_CACHE\`; ${GO_ON}`,
  }),
  EDQUOT: (where) => ({
    code: 'DIB_DISK_FULL',
    summary: `The disk quota is used up${where === undefined ? '' : `: ${where} cannot be written`}`,
    help: `Make room, or have the quota raised; ${GO_ON}`,
  }),
  EROFS: (where) => ({
    code: 'DIB_DISK_READ_ONLY',
    summary: `${where ?? 'A file of dib'} cannot be written: its file system is read-only`,
    help: `Mount it for writing, or keep state and work files elsewhere with \`--state-dir\`; ${GO_ON}`,
  }),
  EIO: (where) => ({
    code: 'DIB_DISK_BROKEN',
    summary: `Reading or writing ${where ?? 'a file of dib'} failed`,
    help: `See what the kernel says of it with \`dmesg\`; once the disk works, run the same command again.`,
  }),
};

/** A failed system call that is the machine's fault, as an expected failure; undefined for everything else. */
export function systemFailure(error: unknown): DibError | undefined {
  if (error instanceof DibError || !(error instanceof Error)) return undefined;
  const { code, path, message } = error as NodeJS.ErrnoException;
  const explain = EXPLANATIONS[code ?? ''];
  return explain && new DibError({ severity: 'error', ...explain(path && quotedPath(path)), detail: `${message}.` });
}
