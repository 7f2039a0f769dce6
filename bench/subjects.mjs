// What is compared: dib, bare mmdebstrap, and diskimage-builder. Each works in directories of its own below `work`.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { TOP } from '../scripts/host.mjs';
import { timed } from './measure.mjs';

export const DIB = ['node', join(TOP, 'bin/dib.js')];

/** One element with an install.d script whose content `stamp` changes, and a last phase that fails while the file `broken` exists. */
export function writeChangingElement(elements, stamp, broken) {
  const directory = join(elements, 'changing');
  for (const [phase, name, body] of [
    ['install.d', '50-changing', `echo ${stamp} >/etc/dib-bench\n`],
    ['cleanup.d', '99-fails', `test ! -e ${broken}\n`],
  ]) {
    mkdirSync(join(directory, phase), { recursive: true });
    writeFileSync(join(directory, phase, name), `#!/bin/bash\nset -eu\n${body}`, { mode: 0o755 });
  }
}

/** The image `example` with changes and the changing element, in `work`. `cache`: where its layers are kept, never the user's cache. */
export function prepareDib(work, example, changes = {}, cache = join(work, 'cache')) {
  mkdirSync(work, { recursive: true });
  const image = { ...parse(readFileSync(join(TOP, 'examples', example, 'image.yaml'), 'utf8')), ...changes };
  const elements = [...image.elements, './elements/changing'];
  const file = join(work, 'image.yaml');
  const broken = join(work, 'broken');
  const log = join(work, 'log');
  const env = { DIB_IMAGE_CACHE: cache };
  const run = (args, status = 0) => timed([...DIB, ...args], { cwd: work, env, log, status });
  /** Removes the disk and the output; the cache keeps the layers. */
  const destroy = () => run(['destroy', '--auto-approve', '--outputs', file]);
  writeChangingElement(join(work, 'elements'), 'first', broken);
  writeFileSync(file, stringify({ ...image, elements }));
  return {
    apply: (status = 0) => run(['apply', '--auto-approve', file], status),
    plan: () => run(['plan', file]),
    validate: () => run(['validate', file]),
    planJson: () =>
      JSON.parse(execFileSync(DIB[0], [DIB[1], 'plan', '--json', file], { env: { ...process.env, ...env }, maxBuffer: 2 ** 28 })),
    destroy,
    /** Forgets everything: the next apply starts from nothing. */
    clear() {
      if (existsSync(join(work, '.dib'))) destroy();
      for (const path of [join(work, '.dib'), cache]) rmSync(path, { recursive: true, force: true });
    },
    change: (stamp) => writeChangingElement(join(work, 'elements'), stamp, broken),
    addPackages: (packages) => writeFileSync(file, stringify({ ...image, elements, packages })),
    breakLastPhase: () => writeFileSync(broken, ''),
    mendLastPhase: () => rmSync(broken),
  };
}

/** Debian packages that a plan installs: names in the inputs of its layers. */
export function packagesOf(plan) {
  const names = new Set();
  const collect = (value, key) => {
    if (Array.isArray(value)) {
      for (const item of value) {
        if (key === 'packages' && typeof item === 'string') names.add(item);
        else collect(item, undefined);
      }
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, item] of Object.entries(value)) collect(item, name);
    }
  };
  for (const { kind, change } of plan.resource_changes) if (kind === 'layer') collect(change.after, undefined);
  return [...names].sort();
}

/** The floor: mmdebstrap alone with the same packages, to a tar file. */
export function mmdebstrap(work, packages) {
  mkdirSync(work, { recursive: true });
  const include = packages.length > 0 ? [`--include=${packages.join(',')}`] : [];
  return timed(['mmdebstrap', '--variant=minbase', ...include, 'bookworm', join(work, 'root.tar')], { log: join(work, 'log') });
}

/** diskimage-builder with its own defaults, the changing element beside its own. Its mirror for security updates is that of this host's apt. */
export function prepareDiskImageCreate(work, { named = ['debian-minimal', 'openssh-server'], environment = {} } = {}) {
  mkdirSync(join(work, 'tmp'), { recursive: true });
  const elements = join(work, 'elements');
  const broken = join(work, 'broken');
  writeChangingElement(elements, 'first', broken);
  const env = {
    // A python3 that is not Debian's would not find diskimage-builder's modules.
    PATH: '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin',
    TMPDIR: join(work, 'tmp'),
    ELEMENTS_PATH: elements,
    DIB_IMAGE_CACHE: join(work, 'cache'),
    DIB_RELEASE: 'bookworm',
    DIB_DEBIAN_SECURITY_MIRROR: securityMirror(),
    DIB_DEBIAN_SECURITY_SUBPATH: '-security',
    ...environment,
  };
  const program = ['/usr/bin/disk-image-create', '--no-tmpfs', '-o', join(work, 'image'), '-t', 'qcow2'];
  return {
    build: (...options) => timed([...program, ...options, ...named, 'changing'], { cwd: work, env, log: join(work, 'log') }),
    clear() {
      for (const name of ['cache', 'image.d', 'image.qcow2']) rmSync(join(work, name), { recursive: true, force: true });
    },
    change: (stamp) => writeChangingElement(elements, stamp, broken),
  };
}

function securityMirror() {
  const targets = execFileSync('apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE)'], { encoding: 'utf8' });
  const line = targets.split('\n').find((text) => text.endsWith(' bookworm-security'));
  if (line === undefined) throw new Error("this host's apt has no bookworm-security: run apt-get update");
  return line.split(' ')[0].replace(/\/$/, '');
}
