import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A key pair of a test: made without a password, in a directory of its own. */
export class TestKey {
  readonly home: string;

  constructor(directory: string, name: string) {
    this.home = join(directory, `gnupg-${name}`);
    mkdirSync(this.home, { mode: 0o700 });
    this.#gpg('--passphrase', '', '--quick-generate-key', `${name} of a test`, 'ed25519', 'sign', 'never');
  }

  /** Writes the public key as text. */
  publish(path: string): void {
    this.#gpg('--armor', '--output', path, '--export');
  }

  signInline(file: string, to: string): void {
    this.#gpg('--yes', '--clearsign', '--output', to, file);
  }

  remove(): void {
    execFileSync('gpgconf', ['--homedir', this.home, '--kill', 'all']);
    rmSync(this.home, { recursive: true, force: true });
  }

  #gpg(...args: string[]): void {
    execFileSync('gpg', ['--homedir', this.home, '--batch', '--quiet', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

/** Downloads packages with all that they need, essential ones too, from the builder's own archives into `directory`. Installs nothing. */
export function downloadPackages(directory: string, packages: readonly string[]): void {
  const work = join(directory, '.apt');
  for (const path of ['state/lists/partial', 'cache/archives/partial']) mkdirSync(join(work, path), { recursive: true });
  const options = [
    `Dir::State=${work}/state`,
    `Dir::Cache=${work}/cache`,
    'Dir::State::status=/dev/null',
    'Debug::NoLocking=1',
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'APT::Install-Recommends=false',
  ].flatMap((option) => ['-o', option]);
  execFileSync('apt-get', ['-qq', ...options, 'update'], { stdio: ['ignore', 'ignore', 'inherit'] });
  execFileSync('apt-get', ['-qq', '-y', ...options, '--download-only', 'install', '?essential', ...packages], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  for (const name of readdirSync(join(work, 'cache/archives')).filter((file) => file.endsWith('.deb'))) {
    renameSync(join(work, 'cache/archives', name), join(directory, name));
  }
  rmSync(work, { recursive: true });
}

export interface Suite {
  /** Such as `noble`, or `noble-updates`. */
  readonly name: string;
  readonly packages: boolean;
}

/** An archive in `directory` (its `pool` has the packages) with signed suites, all of the component `main` and of one architecture. */
export function makeArchive(directory: string, suites: readonly Suite[], architecture: string, key: TestKey): void {
  for (const { name, packages } of suites) {
    const dist = join(directory, 'dists', name);
    const index = join(dist, 'main', `binary-${architecture}`);
    mkdirSync(index, { recursive: true });
    const text = packages ? ftparchive(directory, ['packages', 'pool']) : Buffer.from('');
    writeFileSync(join(index, 'Packages'), text);
    const fields = {
      Origin: 'Test',
      Suite: name,
      Codename: name.split('-')[0] ?? name,
      Architectures: architecture,
      Components: 'main',
    };
    const options = Object.entries(fields).flatMap(([field, value]) => ['-o', `APT::FTPArchive::Release::${field}=${value}`]);
    const release = join(dist, 'Release.new');
    const content = ftparchive(directory, [...options, 'release', join('dists', name)]);
    writeFileSync(release, content);
    key.signInline(release, join(dist, 'InRelease'));
    rmSync(release);
  }
}

function ftparchive(cwd: string, args: readonly string[]): Buffer {
  return execFileSync('apt-ftparchive', ['-q=2', ...args], { cwd, maxBuffer: 1 << 28 });
}

/** The archive from which this machine takes a suite. */
export function archive(suite: string): string {
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE)'], { encoding: 'utf8' });
  const line = stdout.split('\n').find((each) => each.endsWith(` ${suite}`));
  if (line === undefined) throw new Error(`apt knows no archive with ${suite}: run \`apt-get update\``);
  return (line.split(' ')[0] ?? '').replace(/\/$/, '');
}
