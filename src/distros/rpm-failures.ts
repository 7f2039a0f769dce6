import type { DistroConfig } from '../config/image.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { DibError } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';

/** What dnf and zypper say, by what it means. The first group names the package or repository, where there is one. */
const NO_SIGNATURE = [
  /Package (\S+) is not signed/,
  /File '([^']+)' from repository '[^']+' is unsigned/,
  /([^/\s]+\.rpm): digests? (?:SIGNATURES )?NOT OK/i,
  /^(\S+\.rpm|\S+) \(.*\): Signature verification failed \[4-Signatures public key is not available\]/m,
];
const WRONG_KEY = [
  /Public key for (\S+) is not installed/,
  /The GPG keys listed for the "([^"]+)" repository are already installed but they are not correct/,
  /File 'repomd\.xml' from repository '([^']+)' is signed with an unknown key/,
  /Signature verification failed for (\S+)/,
  /repomd\.xml GPG signature verification error/,
];
const MISSING = [/No match for argument: (\S+)/g, /No provider of '([^']+)' found/g, /Package '([^']+)' not found/g];
const UNREACHABLE = [
  /Failed to download metadata for repo '([^']+)'/,
  /Valid metadata not found at specified URL/,
  /Cannot download repomd\.xml/,
];

/** What dnf or zypper died of, where it can be told; the same error where not. */
export function explainRpm(error: unknown, config: DistroConfig): unknown {
  const cause = error instanceof DibError ? error.diagnostics[0] : undefined;
  const told = cause?.code === 'DIB_EXEC_FAILED' ? explain(cause.detail ?? '') : undefined;
  if (cause === undefined || told === undefined) return error;
  const mirror = config.mirror === undefined ? '' : `The mirror is ${config.mirror}.\n`;
  return new DibError({ ...cause, ...told, detail: `${mirror}${cause.detail ?? ''}` });
}

function explain(output: string): Pick<Diagnostic, 'code' | 'summary' | 'help'> | undefined {
  const unsigned = firstOf(NO_SIGNATURE, output);
  if (unsigned !== undefined) {
    return {
      code: 'DIB_DISTRO_UNSIGNED',
      summary: `${what(unsigned)} of the mirror is not signed`,
      help: 'dib installs nothing that is not signed. Sign the packages (rpmsign) and, for openSUSE, the index of the repository (`gpg --detach-sign --armor repomd.xml`).',
    };
  }
  const wrong = firstOf(WRONG_KEY, output);
  if (wrong !== undefined) {
    return {
      code: 'DIB_DISTRO_SIGNATURE',
      summary: `${what(wrong)} of the mirror is signed with a key that dib does not believe`,
      help: 'Is the mirror the right one? For packages signed with a key of your own, name its file in `distro.keyring`.',
    };
  }
  const missing = MISSING.flatMap((pattern) => [...output.matchAll(pattern)].map((match) => match[1] as string));
  if (missing.length > 0) {
    return {
      code: 'DIB_DISTRO_INCOMPLETE',
      summary: `The mirror has no package ${listOf([...new Set(missing)], 'or')}`,
      help: 'The base system needs it. Is the mirror one of this distribution and release, and complete?',
    };
  }
  const unreachable = firstOf(UNREACHABLE, output);
  if (unreachable === undefined) return undefined;
  return {
    code: 'DIB_DISTRO_MIRROR',
    summary:
      unreachable === ''
        ? 'The mirror has no repository where it should be'
        : `The mirror’s repository ${quoted(unreachable)} cannot be read`,
    help: 'Check `distro.mirror`, the network and, behind a proxy, the variable `https_proxy`.',
  };
}

function what(name: string): string {
  return name === '' ? 'The index' : quoted(name);
}

/** The group of the first pattern that matches, '' where it has none. */
function firstOf(patterns: readonly RegExp[], output: string): string | undefined {
  for (const pattern of patterns) {
    const match = pattern.exec(output);
    if (match !== null) return match[1] ?? '';
  }
  return undefined;
}
