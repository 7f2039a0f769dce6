import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findUpstreamTree, installationPrefixes, needOfUpstream } from '../../../src/import/upstream-tree.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-upstream-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** An element of a tree, with what it depends on; gives the tree. */
function element(tree: string, name: string, deps: readonly string[] = []): string {
  const path = join(directory, tree, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'element-deps'), deps.join('\n'));
  return join(directory, tree);
}

test.each([
  ['lib/python3/dist-packages/diskimage_builder/elements', 'Debian'],
  ['lib/python3.13/site-packages/diskimage_builder/elements', 'pip'],
  ['share/diskimage-builder/elements', 'before version 2'],
])('%s: %s', (place) => {
  expect(findUpstreamTree([join(directory, 'nowhere'), directory])).toBeUndefined();
  const tree = element(place, 'base');
  expect(findUpstreamTree([join(directory, 'nowhere'), directory])).toBe(tree);
});

test('nearer installations come first', () => {
  const places = installationPrefixes({ HOME: '/home/me', VIRTUAL_ENV: '/srv/venv' });
  expect(places.slice(-4)).toEqual(['/srv/venv', '/home/me/.local', '/usr/local', '/usr']);
  expect(installationPrefixes({}).slice(-2)).toEqual(['/usr/local', '/usr']);
  const near = element('near/share/diskimage-builder/elements', 'base');
  element('far/lib/python3/dist-packages/diskimage_builder/elements', 'base');
  expect(findUpstreamTree([join(directory, 'near'), join(directory, 'far')])).toBe(near);
});

test('the tree is needed for what is neither shipped with dib nor on ELEMENTS_PATH, named or depended on', () => {
  const tree = element('upstream', 'ramdisk', ['ramdisk-base', 'pkg-map']);
  element('upstream', 'ramdisk-base');
  element('upstream', 'vm', ['block-device']);
  const mine = element('mine', 'agent', ['ramdisk', 'operating-system', 'my-base']);
  element('mine', 'my-base');
  expect(needOfUpstream(['vm', 'openssh-server', 'my-base'], [mine], tree)).toBeUndefined();
  expect(needOfUpstream(['vm', 'ramdisk'], [], tree)).toEqual({ tree, names: ['ramdisk', 'ramdisk-base'] });
  expect(needOfUpstream(['agent'], [mine, join(directory, 'absent')], tree)).toEqual({
    tree,
    names: ['ramdisk', 'ramdisk-base'],
  });
  expect(needOfUpstream(['ramdisk'], [tree], tree)).toBeUndefined();
  // A slip of the pen is nothing that the tree would help with; without the tree there is no telling.
  expect(needOfUpstream(['vm', 'opensh-server'], [], tree)).toBeUndefined();
  expect(needOfUpstream(['vm', 'ramdisk'], [], undefined)).toEqual({ tree: undefined, names: ['ramdisk'] });
});
