import {
  chmodSync,
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { ElementSet } from '../elements/element.ts';
import { inputEntries } from '../elements/input-files.ts';
import { sha256 } from '../util/hash.ts';

/**
 * Lays out TMP_HOOKS_PATH: phases with their hooks, environment.d, every other file of the elements, and `.dib` with what dib adds.
 * `additions` are directories with what extra-data.d hooks of layers below put into it, laid over in order.
 */
export function writeHookTree(directory: string, set: ElementSet, libexec: string, additions: readonly string[]): void {
  mkdirSync(join(directory, '.dib/inputs'), { recursive: true, mode: 0o755 });
  // First: the library of a foreign tree lies over dib's own.
  cpSync(libexec, join(directory, '.dib'), { recursive: true });
  // Where diskimage-builder has its runner of phases, which elements call too.
  copy(join(libexec, 'guest/dib-run-parts'), join(directory, 'dib-run-parts'), true);
  mkdirSync(join(directory, 'environment.d'), { recursive: true });
  for (const [phase, hooks] of Object.entries(set.hooks)) {
    for (const hook of hooks) copy(hook.path, join(directory, phase, hook.name), true);
  }
  for (const file of [...set.environmentFiles, ...set.files]) {
    const target = join(directory, file.path);
    if (file.link === undefined) copy(file.source, target, file.executable, file.mode);
    else {
      mkdirSync(dirname(target), { recursive: true });
      symlinkSync(file.link, target);
    }
  }
  for (const [name, file] of Object.entries(set.inputFiles)) copyInput(file.path, join(directory, '.dib/inputs', name));
  writePackageMaps(join(directory, '.dib/pkg-map'), set);
  writeFileSync(join(directory, '.dib/svc-map'), tabLines(set.serviceMap));
  for (const addition of additions) cpSync(addition, directory, { recursive: true, verbatimSymlinks: true, force: true });
}

/** One file an element, `name<TAB>real names` a line: what a shell can read without parsing JSON. */
function writePackageMaps(directory: string, set: ElementSet): void {
  mkdirSync(directory, { recursive: true });
  for (const [element, map] of Object.entries(set.packageMaps)) {
    writeFileSync(join(directory, element), tabLines(map));
  }
}

/** `name<TAB>value` a line, by name. */
function tabLines(map: Readonly<Record<string, string>>): string {
  const lines = Object.keys(map)
    .sort()
    .map((name) => `${name}\t${map[name] ?? ''}\n`);
  return lines.join('');
}

function copy(source: string, target: string, executable: boolean, mode = executable ? 0o755 : 0o644): void {
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
  chmodSync(target, mode);
}

/** A file, or a directory with the modes that its digest tells. */
function copyInput(source: string, target: string): void {
  if (!statSync(source).isDirectory()) {
    copy(source, target, false);
    return;
  }
  mkdirSync(target);
  for (const { path, type, mode, content } of inputEntries(source)) {
    const copied = join(target, path);
    if (type === 'link') symlinkSync(content, copied);
    else if (type === 'directory') mkdirSync(copied);
    else copyFileSync(join(source, path), copied);
    if (type !== 'link') chmodSync(copied, mode);
  }
}

/** What each entry of a hook tree is, by path: for finding what hooks changed. */
export function hookTreeManifest(directory: string): Map<string, string> {
  const manifest = new Map<string, string>();
  const walk = (path: string) => {
    for (const name of readdirSync(join(directory, path))) {
      const inner = path === '' ? name : `${path}/${name}`;
      if (inner === '.dib') continue;
      const stat = lstatSync(join(directory, inner));
      if (stat.isDirectory()) walk(inner);
      else if (stat.isSymbolicLink()) manifest.set(inner, `link ${readlinkSync(join(directory, inner))}`);
      else if (stat.isFile()) manifest.set(inner, `${stat.mode.toString(8)} ${sha256(readFileSync(join(directory, inner)))}`);
    }
  };
  walk('');
  return manifest;
}

/** Copies what is new or different since a manifest was taken; says whether there was anything. */
export function saveAdditions(directory: string, before: ReadonlyMap<string, string>, target: string): boolean {
  const changed = [...hookTreeManifest(directory)].filter(([path, what]) => before.get(path) !== what);
  for (const [path] of changed) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    cpSync(join(directory, path), join(target, path), { verbatimSymlinks: true });
  }
  return changed.length > 0;
}
