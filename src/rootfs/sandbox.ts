import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';

/** Where the hook tree is seen in the sandbox: elements name this path. */
export const GUEST_HOOKS = '/tmp/in_target.d';

export interface SandboxOptions {
  /** Absolute path of libexec. */
  readonly libexec: string;
  readonly root: string;
  /** Directory that is /run while a layer is built. */
  readonly run: string;
  readonly hooks?: string | undefined;
  /** Directory that is /var/cache/apt while a layer is built. */
  readonly aptCache?: string | undefined;
  /** Directory with packages that were downloaded before: seen among apt's archives, never written to. */
  readonly packages?: string | undefined;
  /** Directories of the builder that are seen in /run/dib-cache, by their own names, and may be written to. */
  readonly caches?: readonly string[] | undefined;
  /** Directory of an RpmView: its packages are seen at /run/dib-packages. */
  readonly rpms?: string | undefined;
  /** File that gets the command lines of what a program leaves running. */
  readonly report: string;
  readonly hostname: string;
  /** The program keeps standard input: it is the user's shell. */
  readonly terminal?: boolean | undefined;
  /** `none`: the program has the loopback interface of a network namespace of its own, and no other. */
  readonly network?: 'none' | undefined;
  /** The program is one of the builder, and sees the tree from outside with everything mounted on it. */
  readonly outside?: boolean | undefined;
}

/**
 * Argument vector that runs a program in the tree, in its own mount, pid, uts and ipc namespaces: libexec/dib-sandbox says what it sees.
 * Whatever the program leaves running is killed with the pid namespace, and the mounts go with the mount namespace.
 */
export function sandboxArguments(options: SandboxOptions, program: readonly string[]): readonly string[] {
  return [
    ...['unshare', '--mount', '--propagation', 'slave', '--pid', '--uts', '--ipc', '--fork', '--kill-child=KILL'],
    ...networkArguments(options.network, options.libexec),
    join(options.libexec, 'dib-sandbox'),
    ...['--root', options.root, '--run', options.run, '--report', options.report],
    ...(options.hooks === undefined ? [] : ['--hooks', options.hooks]),
    ...(options.outside === true ? ['--outside', 'yes'] : []),
    ...(options.packages === undefined ? [] : ['--packages', options.packages]),
    ...(options.caches ?? []).flatMap((directory) => ['--cache', directory]),
    ...(options.rpms === undefined ? [] : ['--rpms', options.rpms]),
    ...(options.terminal === true ? ['--terminal', 'yes'] : []),
    ...(options.aptCache === undefined ? [] : ['--apt-cache', options.aptCache]),
    ...['--hostname', options.hostname, '--', ...program],
  ];
}

/** The last arguments of unshare(1), and before the program what makes its network. */
export function networkArguments(network: 'none' | undefined, libexec: string): readonly string[] {
  return network === 'none' ? ['--net', '--', join(libexec, 'dib-without-network')] : ['--'];
}

const POLICY = '#!/bin/sh\n# No service starts while an image is built.\nexit 101\n';

/** Files that a tree is lent while programs run in it. */
export interface Loan {
  /** Takes them back: the tree is as if they had never been there, save for what programs meant to change. */
  end(): void;
}

/**
 * Lends a tree name resolution, a ban on starting services (invoke-rc.d asks /usr/sbin/policy-rc.d, exit status 101: never)
 * and the place where hooks are seen.
 * As in diskimage-builder the guest's own resolv.conf waits as resolv.conf.ORIG, where elements may write it.
 */
export function lendFiles(root: string, hostResolvConf = '/etc/resolv.conf'): Loan {
  const loans = [lendResolvConf(root, hostResolvConf), lendPolicy(root), lendMountPoint(root)];
  return {
    end: () => {
      for (const loan of loans.reverse()) loan.end();
    },
  };
}

function lendResolvConf(root: string, source: string): Loan {
  const path = join(within(root, 'etc'), 'resolv.conf');
  const original = `${path}.ORIG`;
  if (!exists(join(root, 'etc'))) return { end: () => {} };
  if (exists(path)) renameSync(path, original);
  if (exists(source)) copyFileSync(source, path);
  else writeFileSync(path, '');
  chmodSync(path, 0o644);
  return {
    end: () => {
      // A program that made it a link (systemd-resolved) means the image to have it so.
      if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
        rmSync(original, { force: true });
        return;
      }
      rmSync(path, { force: true });
      if (exists(original)) renameSync(original, path);
    },
  };
}

function lendPolicy(root: string): Loan {
  const path = join(within(root, 'usr/sbin'), 'policy-rc.d');
  if (!exists(join(root, 'usr/sbin')) || exists(path)) return { end: () => {} };
  writeFileSync(path, POLICY, { mode: 0o755 });
  return {
    end: () => {
      if (exists(path) && readFileSync(path, 'utf8') === POLICY) rmSync(path);
    },
  };
}

function lendMountPoint(root: string): Loan {
  within(root, 'tmp');
  const path = join(root, GUEST_HOOKS);
  if (!exists(join(root, 'tmp'))) mkdirSync(join(root, 'tmp'));
  chmodSync(join(root, 'tmp'), 0o1777);
  if (!exists(path)) mkdirSync(path);
  return { end: () => exists(path) && rmdirSync(path) };
}

/** A directory of the tree, absent or not; throws where a link would lead to the builder's own files. */
function within(root: string, path: string): string {
  const full = join(root, path);
  const inside = realpathSync(root);
  if (exists(full) && !`${realpathSync(full)}/`.startsWith(`${inside}/`)) {
    fail({
      code: 'DIB_TREE_LINK',
      summary: `${quotedPath(`/${path}`)} of the image is a link that leads out of the tree ${quotedPath(root)}`,
      detail: 'Files put there while hooks run would land on the builder.',
      help: `Make ${quotedPath(`/${path}`)} a directory, or a relative link, in the element that provides the operating system.`,
    });
  }
  return full;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
