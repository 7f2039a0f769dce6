import { ExitCode, fail } from '../diagnostics/errors.ts';
import { runInteractive } from '../exec/interactive.ts';
import { findProgram } from './tools.ts';

/** The commands that install packages, to be run as root. */
export function installCommands(packages: readonly string[]): readonly (readonly string[])[] {
  return [
    ['apt-get', 'update'],
    ['apt-get', 'install', '--yes', '--no-install-recommends', ...packages],
  ];
}

/** The same as one line to paste. */
export function installLine(packages: readonly string[], root: boolean): string {
  return installCommands(packages)
    .map((argv) => (root ? argv : ['sudo', ...argv]).join(' '))
    .join(' && ');
}

/** Installs Debian packages, as root; apt's own output goes to standard error. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  if (findProgram('apt-get') === undefined) {
    fail(
      {
        code: 'DIB_DOCTOR_NO_APT',
        summary: 'This host has no apt-get, so dib cannot install what is missing',
        help: `Install with your own package manager what these Debian packages have: ${packages.join(' ')}`,
      },
      ExitCode.Unavailable,
    );
  }
  for (const argv of installCommands(packages)) {
    const status = await runInteractive(argv, { stdoutToStderr: true, env: { DEBIAN_FRONTEND: 'noninteractive' } });
    if (status === 0) continue;
    fail(
      {
        code: 'DIB_DOCTOR_INSTALL_FAILED',
        summary: `\`${argv.join(' ')}\` ended with exit status ${status}`,
        detail: 'What apt-get said stands above.',
        help: `Mend that, then run: ${installLine(packages, true)}`,
      },
      ExitCode.Unavailable,
    );
  }
}
