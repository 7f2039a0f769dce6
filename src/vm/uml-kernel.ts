import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { quotedPath } from '../diagnostics/printable.ts';
import { missingTools } from '../doctor/tools.ts';

/** Where Debian's package user-mode-linux puts the modules of its kernel, in a directory named after its version. */
export const UML_MODULES = '/usr/lib/uml/modules';

/** What starts the machine, and what the kernel in it loads its modules with. */
const PROGRAMS = ['linux.uml', 'unshare', 'setpriv', 'modprobe', 'base64', 'stty'];

/** The kernel of linux.uml, or why it cannot run here, as part of a sentence, and what to do about it. */
export type UmlSearch =
  | {
      readonly ok: true;
      readonly version: string /** Absolute path of the directory with its modules.dep. */;
      readonly modules: string;
    }
  | { readonly ok: false; readonly reason: string; readonly help: string };

/** Looks for user-mode Linux. Nothing is run. `root`: where the modules lie; replaced in tests. */
export async function findUml(root: string = UML_MODULES): Promise<UmlSearch> {
  const [missing] = missingTools(PROGRAMS);
  if (missing !== undefined) {
    return {
      ok: false,
      reason: `the program \`${missing.name}\` is not installed`,
      help: `Install it: \`apt-get install ${missing.package ?? missing.name}\`.`,
    };
  }
  for (const version of (await readdir(root).catch((): string[] => [])).sort(newestFirst)) {
    const modules = join(root, version);
    if ((await readdir(modules).catch((): string[] => [])).includes('modules.dep')) return { ok: true, version, modules };
  }
  return {
    ok: false,
    reason: `the modules of its kernel are not in ${quotedPath(root)}`,
    help: 'Install them: `apt-get install --reinstall user-mode-linux`.',
  };
}

function newestFirst(a: string, b: string): number {
  return b.localeCompare(a, 'en', { numeric: true });
}
