import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One package of a test repository. */
export interface TestPackage {
  readonly name: string;
  readonly requires?: readonly string[];
  /** Text of files by absolute path; one below a `bin` directory can be run. */
  readonly files?: Readonly<Record<string, string>>;
  /** Links by absolute path. */
  readonly links?: Readonly<Record<string, string>>;
  readonly directories?: readonly string[];
  /** Files of this machine that become the package's own, at the same path. */
  readonly copies?: readonly string[];
  /** Files and directories of this machine that become the package's own, by the path that they get. */
  readonly sources?: Readonly<Record<string, string>>;
  /** What stands before a file's path in the list of files. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Scriptlet %post. */
  readonly post?: string;
}

/** A signing key that the test has made. */
export interface TestKey {
  readonly home: string;
  readonly fingerprint: string;
  /** Armoured public key. */
  readonly file: string;
}

/** Makes a key without a passphrase below a directory. */
export function makeKey(directory: string, name: string): TestKey {
  const home = join(directory, `gnupg-${name}`);
  mkdirSync(home, { mode: 0o700 });
  gpg(home, '--quick-gen-key', name, 'rsa2048', 'sign', 'never');
  const file = join(directory, `${name}.asc`);
  writeFileSync(file, gpg(home, '--armor', '--export'));
  const listed = gpg(home, '--with-colons', '--list-keys');
  return { home, file, fingerprint: /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] as string };
}

function gpg(home: string, ...words: string[]): string {
  const common = ['--batch', '--quiet', '--yes', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', ''];
  return execFileSync('gpg', [...common, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Ends the agents that gpg started for a key. */
export function forgetKey(key: TestKey): void {
  execFileSync('gpgconf', ['--homedir', key.home, '--kill', 'all']);
}

/** Builds packages, all in one run of rpmbuild, into a directory that it makes. */
export function buildPackages(output: string, packages: readonly TestPackage[]): void {
  const work = mkdtempSync(`${output}-rpmbuild-`);
  const stage = join(work, 'stage');
  for (const each of packages) stageFiles(stage, each);
  const spec = join(work, 'test.spec');
  writeFileSync(spec, specText(stage, packages));
  const define = (name: string, value: string) => ['--define', `${name} ${value}`];
  const macros = [
    ...define('_topdir', work),
    ...define('_dbpath', join(work, 'db')),
    ...define('_binary_payload', 'w0.ufdio'),
    ...define('__os_install_post', '%{nil}'),
    ...define('debug_package', '%{nil}'),
    ...define('_build_id_links', 'none'),
  ];
  const env = { PATH: process.env['PATH'], HOME: work, LC_ALL: 'C' };
  execFileSync('rpmbuild', ['-bb', '--quiet', ...macros, spec], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [arch] = readdirSync(join(work, 'RPMS'));
  renameSync(join(work, 'RPMS', arch as string), output);
  rmSync(work, { recursive: true });
}

function stageFiles(stage: string, each: TestPackage): void {
  const make = (path: string) => {
    mkdirSync(dirname(join(stage, path)), { recursive: true });
    return join(stage, path);
  };
  for (const path of each.directories ?? []) mkdirSync(join(stage, path), { recursive: true });
  for (const [path, content] of Object.entries(each.files ?? {})) {
    writeFileSync(make(path), content, { mode: path.includes('bin/') ? 0o755 : 0o644 });
  }
  for (const path of each.copies ?? []) cpSync(path, make(path), { dereference: true, preserveTimestamps: true });
  for (const [path, source] of Object.entries(each.sources ?? {})) {
    cpSync(source, make(path), { recursive: true, dereference: true, preserveTimestamps: true });
  }
  for (const [path, target] of Object.entries(each.links ?? {})) execFileSync('ln', ['-sfn', target, make(path)]);
}

function specText(stage: string, packages: readonly TestPackage[]): string {
  const head = ['Name: test', 'Version: 1', 'Release: 1', 'Summary: test', 'License: MIT', 'AutoReqProv: no'];
  const parts = packages.flatMap((each) => [
    `%package -n ${each.name}`,
    'Summary: test',
    'AutoReqProv: no',
    ...(each.requires ?? []).map((name) => `Requires: ${name}`),
    `%description -n ${each.name}`,
    'test',
    ...(each.post === undefined ? [] : [`%post -n ${each.name} -p /usr/bin/bash`, each.post]),
    `%files -n ${each.name}`,
    ...(each.directories ?? []).map((path) => `%dir ${path}`),
    ...Object.keys({ ...each.files, ...each.links, ...each.sources }).map((path) =>
      `${each.attributes?.[path] ?? ''} ${path}`.trim(),
    ),
    ...(each.copies ?? []),
  ]);
  const install = ['%install', 'mkdir -p %{buildroot}', `cp -a ${stage}/. %{buildroot}/`];
  return [...head, '%description', 'test', ...install, ...parts, ''].join('\n');
}

/** Signs packages in place. */
export function signPackages(files: readonly string[], key: TestKey): void {
  const define = ['--define', `_gpg_name ${key.fingerprint}`, '--define', '__gpg /usr/bin/gpg'];
  const env = { PATH: process.env['PATH'], HOME: key.home, GNUPGHOME: key.home, LC_ALL: 'C' };
  execFileSync('rpmsign', [...define, '--addsign', ...files], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Writes the index of a directory of packages, and signs it if a key is given. */
export function indexRepository(directory: string, key?: TestKey): void {
  execFileSync('createrepo_c', ['--quiet', directory], { stdio: ['ignore', 'pipe', 'pipe'] });
  if (key !== undefined) gpg(key.home, '--armor', '--detach-sign', join(directory, 'repodata/repomd.xml'));
}

/** The packages in a directory. */
export function packageFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.rpm'))
    .map((name) => join(directory, name));
}

/** A program of this machine with the libraries that it is linked against, by their paths below /usr. */
export function withLibraries(programs: readonly string[]): string[] {
  const linked = execFileSync('ldd', [...programs], { encoding: 'utf8' });
  const libraries = [...linked.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] as string);
  return [...new Set([...programs, ...libraries].map((path) => (path.startsWith('/usr/') ? path : `/usr${path}`)))].sort();
}
