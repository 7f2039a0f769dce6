import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runHere } from '../support/command-line.ts';

const before = process.cwd();
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'dib-import-'));
  process.chdir(directory);
  vi.stubEnv('DIB_RELEASE', 'bookworm');
});
afterEach(() => {
  process.chdir(before);
  rmSync(directory, { recursive: true });
  vi.unstubAllEnvs();
});

const dibImport = (...args: readonly string[]) => runHere('import', ...args);

test('a command line becomes an image.yaml that is valid', async () => {
  const { status, stdout, stderr } = await dibImport(
    'disk-image-create',
    '--',
    '-o',
    'web',
    '-x',
    'vm',
    'debian-minimal',
    'openssh-server',
  );
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  expect(stderr).toContain(`Wrote ${directory}/image.yaml.`);
  expect(stderr).toContain('The option `-x` is left out: tracing belongs to one run, not to the image');
  expect(readFileSync('image.yaml', 'utf8')).toMatch(
    /^distro: \{name: debian, release: bookworm\}\nelements: \[vm, openssh-server\]$/m,
  );
});

test('ramdisk-image-create: the element is found where diskimage-builder is installed, and no disk is made', async () => {
  mkdirSync('venv/bin', { recursive: true });
  writeFileSync('venv/bin/disk-image-create', '#!/bin/sh\n', { mode: 0o755 });
  const tree = `${directory}/venv/lib/python3.12/site-packages/diskimage_builder/elements`;
  for (const element of ['base', 'ramdisk']) mkdirSync(`${tree}/${element}`, { recursive: true });
  vi.stubEnv('PATH', `${directory}/venv/bin`);
  const { status, stderr } = await dibImport('ramdisk-image-create', '--', '-o', 'deploy', 'debian-minimal');
  expect(status, stderr).toBe(0);
  expect(stderr).toContain(`The element \`ramdisk\` comes from diskimage-builder's own tree \`${tree}\``);
  const image = readFileSync('image.yaml', 'utf8');
  expect(image).toContain(`elements_path: [${tree}]\n`);
  expect(image).toMatch(/^elements: \[ramdisk, ramdisk-outputs\]$/m);
  expect(image).toMatch(/^outputs: \[\]$/m);
});

test('what the new file needs yet is told, with status 1', async () => {
  const { status, stderr } = await dibImport('disk-image-create', '--', 'vm', 'debian-minimal', 'no-such-element');
  expect(status).toBe(1);
  expect(stderr).toContain('There is no element `no-such-element`');
  expect(existsSync('image.yaml')).toBe(true);
});

test('a file that is there stays, unless it is to be replaced', async () => {
  writeFileSync('image.yaml', 'precious\n');
  const { status, stderr } = await dibImport('disk-image-create', '--', 'vm', 'debian-minimal');
  expect(status).toBe(1);
  expect(stderr).toContain('DIB_IMPORT_EXISTS');
  expect(readFileSync('image.yaml', 'utf8')).toBe('precious\n');
  expect((await dibImport('disk-image-create', '--force', '--', 'vm', 'debian-minimal')).status).toBe(0);
  expect(readFileSync('image.yaml', 'utf8')).toContain('name: image');
});

test('several images of the YAML front end get directories; standard output holds one', async () => {
  writeFileSync(
    'images.yaml',
    '- {imagename: a, elements: [vm, debian-minimal]}\n- {imagename: b, elements: [debian-minimal]}\n',
  );
  expect((await dibImport('image.yaml-upstream', 'images.yaml')).stderr).toContain('Wrote');
  expect(readFileSync('a/image.yaml', 'utf8')).toContain('name: a\n');
  expect(readFileSync('b/image.yaml', 'utf8')).toContain('name: b\n');
  const refused = await dibImport('image.yaml-upstream', 'images.yaml', '--output', '-');
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain('The file describes 2 images, which do not fit on standard output');
});

test('DIB_BLOCK_DEVICE_CONFIG, as text and as a file, becomes block_device', async () => {
  const layout = '- local_loop: {name: image0, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: /}}}\n';
  writeFileSync('layout.yaml', layout);
  for (const config of [layout, `file://${directory}/layout.yaml`]) {
    vi.stubEnv('DIB_BLOCK_DEVICE_CONFIG', config);
    const { stdout } = await dibImport('disk-image-create', '--output', '-', '--', 'debian-minimal');
    expect(stdout).toContain(
      'block_device:\n  - local_loop: {name: image0, size: 1GiB, mkfs: {type: ext4, mount: {mount_point: /}}}\n',
    );
    vi.stubEnv('DIB_BLOCK_DEVICE_CONFIG', undefined);
  }
});

test('a broken layout is told with its place', async () => {
  writeFileSync('layout.yaml', '- local_loop: {name: image0\n');
  const { status, stderr } = await dibImport('block-device', 'layout.yaml');
  expect(status).toBe(1);
  expect(stderr).toContain('DIB_YAML_SYNTAX');
  expect(stderr).toContain('layout.yaml:1:15');
});
