const CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

/** Whether a system call failed because a disk, or the user's share of it, is full: errno(3). */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && CODES.has((error as NodeJS.ErrnoException).code);
}

/** Whether a system call failed because the file system is read-only: mounted so, or made so by a kernel that found it broken. */
export function isReadOnly(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'EROFS';
}
