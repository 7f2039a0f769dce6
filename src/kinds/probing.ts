import type { Presence } from './kind.ts';

/** What a probe finds; what this user may not read (a disk of the machine, another user's files) is believed to be as it was. */
export async function asFarAsReadable(probe: () => Promise<Presence>): Promise<Presence> {
  try {
    return await probe();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM') return { state: 'present' };
    throw error;
  }
}
