import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { OutputConfig } from '../../../src/config/image.ts';
import type { OutputOutputs } from '../../../src/kinds/disk-inputs.ts';
import { asideName } from '../../../src/kinds/output.ts';
import { run } from './checks.ts';
import { MiniEngine, machineState } from './harness.ts';
import { PLAIN } from './layouts.ts';
import { describeTree, makeTree } from './tree-fixture.ts';

let tree: string;
const engines: MiniEngine[] = [];

async function build(...outputs: Partial<OutputConfig>[]): Promise<MiniEngine> {
  const made = new MiniEngine({ blockDevice: PLAIN, tree, outputs });
  engines.push(made);
  return made.apply();
}

function recorded(made: MiniEngine, address: string): OutputOutputs {
  return made.record(address).outputs as OutputOutputs;
}

beforeAll(() => {
  tree = makeTree();
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));
afterEach(async () => {
  while (engines.length > 0) await engines.pop()?.close();
  expect(await machineState()).toBe('');
});

describe.each(['zstd', 'zlib', 'none'] as const)('qcow2 (%s)', (compression) => {
  it('is sound, equal to the disk, and the same twice', async () => {
    const made = await build({ format: 'qcow2', compression });
    const { path, sha256, size } = recorded(made, 'output.qcow2');
    expect(run('qemu-img', 'check', path)).toContain('No errors were found on the image.');
    run('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', path, made.file());
    const info = JSON.parse(run('qemu-img', 'info', '--output=json', path));
    expect(info['format-specific'].data['compression-type']).toBe(compression === 'zstd' ? 'zstd' : 'zlib');
    expect(size).toBe(statSync(path).size);
    expect(recorded(await build({ format: 'qcow2', compression }), 'output.qcow2').sha256).toBe(sha256);
  });
});

it('writes a raw disk with its holes', async () => {
  const made = await build({ format: 'raw', path: 'out/deep/web.img' });
  const { path } = recorded(made, 'output.raw');
  expect(path).toBe(join(made.paths.image, 'out/deep/web.img'));
  run('cmp', path, made.file());
  expect(statSync(path).blocks * 512).toBeLessThan(statSync(path).size / 2);
  expect(readdirSync(join(made.paths.image, 'out/deep')).sort()).toEqual(['web.img', 'web.img.sha256']);
});

describe.each(['none', 'zstd', 'gzip'] as const)('tar (%s)', (compression) => {
  it('keeps all that the tree has and is the same twice', async () => {
    const made = await build({ format: 'tar', compression });
    const { path, sha256 } = recorded(made, 'output.tar');
    const unpacked = join(made.paths.scratch, 'unpacked');
    mkdirSync(unpacked);
    run(
      'tar',
      '--extract',
      '--file',
      path,
      '--directory',
      unpacked,
      '--numeric-owner',
      '--xattrs',
      '--xattrs-include=*',
      '--acls',
    );
    const clamped = join(made.paths.scratch, 'clamped');
    run('cp', '-a', tree, clamped);
    run('touch', '-d', '@1700000000', join(clamped, 'etc/hostname'));
    expect(describeTree(unpacked)).toBe(describeTree(clamped));
    expect(recorded(await build({ format: 'tar', compression }), 'output.tar').sha256).toBe(sha256);
  });
});

it('writes a checksum file that sha256sum understands', async () => {
  const made = await build({ format: 'raw' });
  const { sha256 } = recorded(made, 'output.raw');
  expect(readFileSync(join(made.paths.image, 'web.raw.sha256'), 'utf8')).toBe(`${sha256}  web.raw\n`);
  run('bash', '-c', 'cd "$1" && sha256sum --check --status web.raw.sha256', 'check', made.paths.image);
});

it('keeps a foreign file of the same name, replaces its own', async () => {
  const made = await build();
  const path = join(made.paths.image, 'web.raw');
  const time = new Date(2025, 0, 2, 3, 4, 5);
  writeFileSync(path, 'precious');
  utimesSync(path, time, time);
  const again = new MiniEngine({ blockDevice: PLAIN, tree, outputs: [{ format: 'raw', path }] });
  engines.push(again);
  await again.apply();
  expect(readFileSync(join(made.paths.image, 'web-2025.01.02-03.04.05.raw'), 'utf8')).toBe('precious');
  expect(asideName(path, time)).toBe(join(made.paths.image, 'web-2025.01.02-03.04.05.raw'));
  const output = again.resources.find(({ kind }) => kind === 'output');
  if (output === undefined) throw new Error('no output');
  run('dd', 'if=/dev/urandom', `of=${again.file()}`, 'bs=1', 'count=10', 'conv=notrunc', 'status=none');
  await again.create(output);
  expect(readdirSync(made.paths.image).sort()).toEqual(['web-2025.01.02-03.04.05.raw', 'web.raw', 'web.raw.sha256']);
  run('cmp', path, again.file());
});

it('removes what interrupted runs left, and never leaves a half-written image under the final name', async () => {
  const made = await build({ format: 'qcow2', path: 'web.qcow2', compression: 'zstd' });
  const path = join(made.paths.image, 'web.qcow2');
  writeFileSync(join(made.paths.image, '.web.qcow2.partial-123'), 'half');
  const output = made.resources.find(({ kind }) => kind === 'output');
  if (output === undefined) throw new Error('no output');
  const before = readFileSync(path);
  rmSync(made.file());
  await expect(made.create(output)).rejects.toThrow('`qemu-img` failed');
  expect(readdirSync(made.paths.image).sort()).toEqual(['web.qcow2', 'web.qcow2.sha256']);
  expect(readFileSync(path).equals(before)).toBe(true);
});

it('probes and destroys', async () => {
  const made = await build({ format: 'raw' });
  const record = made.record('output.raw');
  const kind = made.kind('output');
  const { path } = recorded(made, 'output.raw');
  expect(await kind.probe(record, made.paths)).toEqual({ state: 'present' });
  utimesSync(path, 1, 1);
  expect(await kind.probe(record, made.paths)).toEqual({ state: 'present' });
  run('dd', 'if=/dev/urandom', `of=${path}`, 'bs=1', 'count=10', 'conv=notrunc', 'status=none');
  expect(await kind.probe(record, made.paths)).toMatchObject({
    state: 'drifted',
    reason: `${path} was changed: its SHA-256 is not the recorded one`,
  });
  await kind.destroy(record, made.context('output.raw'));
  await kind.destroy(record, made.context('output.raw'));
  expect(existsSync(path) || existsSync(`${path}.sha256`)).toBe(false);
  expect(await kind.probe(record, made.paths)).toEqual({ state: 'absent' });
});
