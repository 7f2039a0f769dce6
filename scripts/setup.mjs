// Brings what a build (and with `test`, the tests) needs: Debian packages, npm packages, and the compiled program.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { aptHasLists, missingTools, ROOT, run, SetupError, say, TOP, tryRun } from './host.mjs';

/** Everything that `npm start` needs, or `npm test` where kinds contains `test`. */
export function setUp(kinds) {
  checkNode();
  installDebianPackages(kinds);
  installNpmPackages();
  say('Building dib.');
  run(['node', 'scripts/build.mjs']);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SetupError(`dib needs Node.js 20.19 or newer; this is ${process.versions.node}.`);
}

/** Installs the packages of missing tools as root; without root prints what to run, and goes on if the build can do without them. */
function installDebianPackages(kinds) {
  const missing = missingTools(kinds);
  if (missing.length === 0) return say('All Debian packages that are needed are there.');
  say(`${ROOT ? 'Installing' : 'Missing'} Debian packages:`);
  const packages = [...new Set(missing.map((tool) => tool.package))].sort();
  for (const name of packages) {
    const reasons = missing.filter((tool) => tool.package === name).map((tool) => `${tool.name}: ${tool.why}`);
    say(`  ${name.padEnd(24)} ${reasons.join('; ')}`);
  }
  if (ROOT) return aptInstall(packages);
  const advice = `sudo apt-get update && sudo apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (missing.some((tool) => tool.kind !== 'optional')) {
    throw new SetupError(`Only root can install packages. Run this, then the same command again:\n\n  ${advice}`);
  }
  say(`dib builds without these. To have them too:\n  ${advice}`);
}

function aptInstall(packages) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['apt-get', 'install', '--yes', '-qq', '-o', 'Dpkg::Use-Pty=0', '--no-install-recommends', ...packages];
  if (aptHasLists() && tryRun(install, { env }) === 0) return;
  // No lists yet, or lists so old that the mirror no longer has what they name.
  run(['apt-get', 'update', '-qq'], { env });
  run(install, { env });
}

/** `npm ci` unless node_modules already holds exactly what package-lock.json names. */
function installNpmPackages() {
  if (npmPackagesAreCurrent()) return say('All npm packages are there.');
  say('Installing npm packages: the libraries that dib is made with, at the versions in package-lock.json.');
  run(['npm', 'ci', '--no-audit', '--no-fund']);
}

function npmPackagesAreCurrent() {
  const installedFile = join(TOP, 'node_modules/.package-lock.json');
  if (!existsSync(installedFile)) return false;
  const wanted = JSON.parse(readFileSync(join(TOP, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version,
  );
}
