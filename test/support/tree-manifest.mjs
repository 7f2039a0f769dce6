import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** A line for each entry of a tree, by path: type, mode, owner, group, content (sha256 or link target), extended attributes. */
export function treeManifest(root) {
  const manifest = {};
  const xattrs = readXattrs(root);
  const walk = (path) => {
    const full = join(root, path);
    const stat = lstatSync(full);
    let content = '';
    if (stat.isFile()) content = createHash('sha256').update(readFileSync(full)).digest('hex');
    if (stat.isSymbolicLink()) content = readlinkSync(full);
    if (stat.isCharacterDevice() || stat.isBlockDevice()) content = `device ${stat.rdev}`;
    manifest[path] = `${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${content} ${xattrs.get(path) ?? ''}`.trim();
    if (stat.isDirectory()) for (const name of readdirSync(full).sort()) walk(join(path, name));
  };
  walk('.');
  return manifest;
}

function readXattrs(root) {
  const argv = ['-Rhd', '--absolute-names', '-e', 'hex', '-m', '-', '.'];
  const text = execFileSync('getfattr', argv, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const found = new Map();
  for (const block of text.split('\n\n')) {
    const [head, ...lines] = block.split('\n');
    if (head?.startsWith('# file: ')) found.set(join('.', head.slice('# file: '.length)), lines.filter(Boolean).sort().join(' '));
  }
  return found;
}
