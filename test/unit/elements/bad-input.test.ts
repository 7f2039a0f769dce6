import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Diagnostic } from '../../../src/diagnostics/diagnostic.ts';
import { type Files, load, makeTree, TOY_OS } from './fixture.ts';

const HOOK = '#!/bin/bash\n';

interface Case {
  readonly what: string;
  readonly files?: Files;
  /** Elements of the image; default: toy-os and a. */
  readonly named?: readonly string[];
  readonly code: string;
  readonly severity?: 'error' | 'warning';
  readonly summary: string;
  readonly help?: string;
  /** FILE:LINE:COLUMN, the file relative to the tree; undefined: nowhere. */
  readonly at: string | undefined;
  /** Last word on the tree before it is loaded. */
  readonly prepare?: (tree: string) => void;
}

const CASES: readonly Case[] = [
  {
    what: 'an element that does not exist',
    named: ['toy-os', 'tyo'],
    code: 'DIB_ELEMENT_NOT_FOUND',
    summary: 'There is no element `tyo`',
    at: 'image.yaml:2:5',
  },
  {
    what: 'a dependency that does not exist',
    files: { 'elements/a/element-deps': 'toy-oss\n' },
    code: 'DIB_ELEMENT_NOT_FOUND',
    summary: 'There is no element `toy-oss`',
    help: 'Did you mean `toy-os`?',
    at: 'image.yaml:2:5',
  },
  {
    what: 'a circle',
    files: { 'elements/a/element-deps': 'b\n', 'elements/b/element-deps': 'c\n', 'elements/c/element-deps': 'a\n' },
    code: 'DIB_ELEMENT_CYCLE',
    severity: 'warning',
    summary: 'Elements need each other in a circle: `a` -> `b` -> `c` -> `a`',
    help: 'Take `a` out of `element-deps` of `c`, if it works without.',
    at: 'image.yaml:2:5',
  },
  {
    what: 'two providers',
    files: { 'elements/a/element-provides': 'operating-system\n' },
    code: 'DIB_ELEMENT_PROVIDED_TWICE',
    summary: '`a` and `toy-os` both provide `operating-system`',
    at: 'image.yaml:2:5',
  },
  {
    what: 'no operating system',
    files: { 'elements/a/README.md': '' },
    named: ['a'],
    code: 'DIB_ELEMENT_NO_OPERATING_SYSTEM',
    summary: 'The image has no operating system',
    at: 'image.yaml:1:5',
  },
  {
    what: 'two hooks of one name',
    files: { 'elements/a/root.d/10-toy': HOOK },
    code: 'DIB_ELEMENT_DUPLICATE_HOOK',
    summary: 'The elements `a` and `toy-os` both have `root.d/10-toy`',
    help: 'Rename one of them, or leave out one of the elements.',
    at: 'elements/toy-os/root.d/10-toy:1:1',
  },
  {
    what: 'Windows line ends',
    files: { 'elements/a/install.d/10-a': '#!/bin/bash\r\necho\r\n' },
    code: 'DIB_ELEMENT_HOOK_CRLF',
    summary: 'The hook `install.d/10-a` of element `a` has Windows line ends',
    at: 'elements/a/install.d/10-a:1:1',
  },
  {
    what: 'no shebang',
    files: { 'elements/a/install.d/10-a': 'echo\n' },
    prepare: (tree) => chmodSync(join(tree, 'elements/a/install.d/10-a'), 0o755),
    code: 'DIB_ELEMENT_HOOK_NO_SHEBANG',
    summary: 'The hook `install.d/10-a` of element `a` does not say what runs it',
    at: 'elements/a/install.d/10-a:1:1',
  },
  {
    what: 'a suffix',
    files: { 'elements/a/install.d/10-a.sh': HOOK },
    code: 'DIB_ELEMENT_HOOK_NAME',
    severity: 'warning',
    summary: 'The hook `install.d/10-a.sh` of element `a` never runs',
    help: 'Rename it to `10-a`.',
    at: 'elements/a/install.d/10-a.sh:1:1',
  },
  {
    what: 'no run bit',
    files: { 'elements/a/install.d/10-a': 'echo\n' },
    code: 'DIB_ELEMENT_HOOK_NOT_EXECUTABLE',
    severity: 'warning',
    summary: 'The hook `install.d/10-a` of element `a` never runs',
    at: 'elements/a/install.d/10-a:1:1',
  },
  {
    what: 'a phase that there is not',
    files: { 'elements/a/post_install.d/10-a': HOOK },
    code: 'DIB_ELEMENT_FOREIGN_PHASE',
    severity: 'warning',
    summary: 'The scripts in `post_install.d` of element `a` never run',
    help: 'Did you mean `post-install.d`?',
    at: 'elements/a/post_install.d:1:1',
  },
  {
    what: 'a pkg-map that is a directory',
    files: { 'elements/a/README.md': '' },
    prepare: (tree) => mkdirSync(join(tree, 'elements/a/pkg-map')),
    code: 'DIB_ELEMENT_PKG_MAP',
    summary: 'TREE/elements/a/pkg-map` cannot be read',
    at: 'elements/a/pkg-map:1:1',
  },
  {
    what: 'a pkg-map that is no JSON',
    files: { 'elements/a/pkg-map': '{ "default": { "x": "y" }\n' },
    code: 'DIB_ELEMENT_PKG_MAP',
    summary: 'The file is not valid: ',
    at: 'elements/a/pkg-map:2:1',
  },
  {
    what: 'a pkg-map whose section is a text',
    files: { 'elements/a/pkg-map': '{ "distro": { "toy": "y" } }\n' },
    code: 'DIB_ELEMENT_PKG_MAP',
    summary: '`distro.toy` is no mapping',
    at: 'elements/a/pkg-map:1:22',
  },
  {
    what: 'a pkg-map with a list of names',
    files: { 'elements/a/pkg-map': '{ "default": { "x": ["y", "z"] } }\n' },
    code: 'DIB_ELEMENT_PKG_MAP',
    summary: 'The names of `x` are no text',
    help: 'Write several packages in one text, separated by blanks.',
    at: 'elements/a/pkg-map:1:21',
  },
  {
    what: 'a pkg-map with a misspelt member',
    files: { 'elements/a/pkg-map': '{ "familly": {} }\n' },
    code: 'DIB_ELEMENT_PKG_MAP',
    severity: 'warning',
    summary: 'The member `familly` of a pkg-map has no meaning',
    help: 'Did you mean `family`?',
    at: 'elements/a/pkg-map:1:14',
  },
  {
    what: 'a svc-map that is a list',
    files: { 'elements/a/svc-map': '- web\n' },
    code: 'DIB_ELEMENT_SVC_MAP',
    summary: 'A svc-map is a mapping of services',
    at: 'elements/a/svc-map:1:1',
  },
  {
    what: 'a service without names',
    files: { 'elements/a/svc-map': 'web: httpd\n' },
    code: 'DIB_ELEMENT_SVC_MAP',
    summary: 'The service `web` has no names',
    at: 'elements/a/svc-map:1:6',
  },
  {
    what: 'a service that two elements map',
    files: { 'elements/a/svc-map': 'web: {default: x}\n', 'elements/toy-os/svc-map': '\nweb: {default: y}\n' },
    code: 'DIB_ELEMENT_SVC_MAP',
    summary: 'The elements `a` and `toy-os` both map the service `web`',
    at: 'elements/toy-os/svc-map:2:1',
  },
  {
    what: 'package-installs that is a list',
    files: { 'elements/a/package-installs.yaml': '- vim\n' },
    code: 'DIB_ELEMENT_PACKAGES',
    summary: 'A list of packages is a mapping of package names to their conditions',
    at: 'elements/a/package-installs.yaml:1:1',
  },
  {
    what: 'package-installs that is no YAML',
    files: { 'elements/a/package-installs.yaml': 'vim:\n  phase: "install.d\n' },
    code: 'DIB_ELEMENT_PACKAGES',
    summary: 'The file is not valid: ',
    at: 'elements/a/package-installs.yaml:3:1',
  },
  {
    what: 'package-installs that is a directory',
    files: { 'elements/a/README.md': '' },
    prepare: (tree) => mkdirSync(join(tree, 'elements/a/package-installs.yaml')),
    code: 'DIB_ELEMENT_PACKAGES',
    summary: 'TREE/elements/a/package-installs.yaml` cannot be read',
    at: 'elements/a/package-installs.yaml:1:1',
  },
  {
    what: 'a package in a phase that installs none',
    files: { 'elements/a/package-installs.yaml': 'vim:\n  phase: finalise.d\n' },
    code: 'DIB_ELEMENT_PACKAGES_PHASE',
    severity: 'warning',
    summary: 'Package `vim` of element `a` is never installed: `finalise.d` installs no packages',
    at: 'elements/a/package-installs.yaml:2:10',
  },
  {
    what: 'a condition that is none',
    files: { 'elements/a/package-installs.yaml': 'vim:\n  when: DIB_X is 1\n' },
    code: 'DIB_ELEMENT_PACKAGES',
    summary: '`when` of package `vim` is not of the form `VARIABLE = value` or `VARIABLE != value`',
    at: 'elements/a/package-installs.yaml:2:9',
  },
  {
    what: 'a condition on an unset variable',
    files: { 'elements/a/package-installs.yaml': 'vim:\n  when:\n    - ARCH = amd64\n    - DIB_X = 1\n' },
    code: 'DIB_ELEMENT_WHEN_UNKNOWN',
    summary: '`when` of package `vim` tests `DIB_X`, which is not set',
    at: 'elements/a/package-installs.yaml:4:7',
  },
  {
    what: 'a static file that counts as a leftover',
    files: { 'elements/a/static/usr/lib/libx.so': '' },
    code: 'DIB_ELEMENT_STATIC_LEFT_OUT',
    severity: 'warning',
    summary: '`static/usr/lib/libx.so` of element `a` is not installed',
    at: 'elements/a/static/usr/lib/libx.so:1:1',
  },
  {
    what: 'sources that nothing fetches',
    files: { 'elements/a/source-repository-x': 'x file /x http://example.org/x\n' },
    code: 'DIB_ELEMENT_SOURCE_UNUSED',
    severity: 'warning',
    summary: 'The sources of element `a` are never fetched',
    at: 'elements/a/source-repository-x:1:1',
  },
];

function position(tree: string, { range }: Diagnostic): string | undefined {
  return range && `${range.file.replace(`${tree}/`, '')}:${range.start.line}:${range.start.column}`;
}

it.each(CASES)('$what', async ({ files = {}, named = ['toy-os', 'a'], prepare, ...wanted }) => {
  const tree = makeTree({ ...TOY_OS, ...files });
  prepare?.(tree);
  const { value, diagnostics } = await load(tree, named);
  const severity = wanted.severity ?? 'error';
  const found = diagnostics.find(
    ({ code, summary }) => code === wanted.code && summary.includes(wanted.summary.replace('TREE', tree)),
  );
  expect(diagnostics).toContain(found);
  expect(found).toMatchObject({ code: wanted.code, severity, ...(wanted.help === undefined ? {} : { help: wanted.help }) });
  expect(position(tree, found as Diagnostic)).toBe(wanted.at);
  expect(value === undefined).toBe(severity === 'error');
});
