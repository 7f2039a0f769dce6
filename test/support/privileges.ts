import { execFileSync } from 'node:child_process';

/** The user that `npm test` adds: an ordinary one, with subordinate ids. */
export const ORDINARY_USER = 'dib-test';

/** Fails a test that cannot run without root, saying how to run it. Tests are never skipped. */
export function needRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new Error('This test needs root. Run `sudo npm test` for all tests, or `npm run test:unit` for those that need none.');
}

/** Arguments that run what follows them as the ordinary user; needs root. */
export function asOrdinaryUser(): readonly string[] {
  needRoot();
  try {
    execFileSync('id', [ORDINARY_USER], { stdio: 'ignore' });
  } catch {
    throw new Error(`This test needs the user ${ORDINARY_USER}: \`npm test\` adds it (useradd --create-home ${ORDINARY_USER}).`);
  }
  return ['runuser', '--user', ORDINARY_USER, '--'];
}

/** Numeric ids of the ordinary user. */
export function ordinaryUserIds(): { readonly uid: number; readonly gid: number } {
  const id = (option: string) => Number(execFileSync('id', [option, ORDINARY_USER], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
