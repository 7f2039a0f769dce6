import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findImages } from '../../../src/boot/find-image.ts';
import { DibError } from '../../../src/diagnostics/errors.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-find-image-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const yaml = () => join(directory, 'image.yaml');

function output(name: string, format: string, disk: string | undefined, file: string, status = 'created') {
  writeFileSync(join(directory, file), '');
  return {
    address: `output.${name}`,
    kind: 'output',
    name,
    status,
    inputs: { format, disk },
    outputs: { path: join(directory, file) },
  };
}

function writeState(resources: readonly object[]): void {
  mkdirSync(join(directory, '.dib'), { recursive: true });
  writeFileSync(join(directory, '.dib/state.json'), JSON.stringify({ resources }));
}

function failure(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof DibError) return error.diagnostics.map(({ code, summary }) => `${code}: ${summary}`).join('\n');
    throw error;
  }
  return 'no failure';
}

describe('findImages', () => {
  it('prefers qcow2 to raw, and ignores tar', () => {
    writeState([
      output('raw', 'raw', 'local_loop.image0', 'web.raw'),
      output('qcow2', 'qcow2', 'local_loop.image0', 'web.qcow2'),
      output('tar', 'tar', undefined, 'web.tar'),
    ]);
    expect(findImages(yaml(), undefined)).toEqual({ disks: [{ file: join(directory, 'web.qcow2'), format: 'qcow2' }] });
  });

  it.each([
    ['bootstrap', { distro: { arch: 'arm64' } }],
    ['root', { environment: { ARCH: 'arm64' } }],
  ])('knows the architecture from layer.%s', (name, inputs) => {
    const layer = { address: `layer.${name}`, kind: 'layer', name, status: 'created', inputs, outputs: {} };
    writeState([layer, output('raw', 'raw', 'local_loop.image0', 'web.raw')]);
    expect(findImages(yaml(), undefined).arch).toBe('arm64');
  });

  it('boots from the first disk, whatever the others are called', () => {
    writeState([
      output('qcow2_data', 'qcow2', 'local_loop.data', 'data.qcow2'),
      output('raw', 'raw', 'local_loop.image0', 'web.raw'),
    ]);
    expect(findImages(yaml(), undefined).disks.map(({ file }) => file)).toEqual([
      join(directory, 'web.raw'),
      join(directory, 'data.qcow2'),
    ]);
  });

  it('takes nothing that was not finished', () => {
    writeState([output('qcow2', 'qcow2', 'local_loop.image0', 'web.qcow2', 'creating')]);
    expect(failure(() => findImages(yaml(), undefined))).toBe(
      `DIB_BOOT_NO_IMAGE: ${yaml()} has no qcow2 or raw output that was built`,
    );
  });

  it('says that nothing has been built yet', () => {
    expect(failure(() => findImages(yaml(), undefined))).toBe(`DIB_BOOT_NO_IMAGE: ${yaml()} has not been built`);
  });

  it('says that a recorded image is gone', () => {
    writeState([output('qcow2', 'qcow2', 'local_loop.image0', 'web.qcow2')]);
    rmSync(join(directory, 'web.qcow2'));
    expect(failure(() => findImages(yaml(), undefined))).toBe(
      `DIB_BOOT_NO_IMAGE: There is no image at ${join(directory, 'web.qcow2')}`,
    );
  });

  it('does not read a state that is none', () => {
    mkdirSync(join(directory, '.dib'));
    const state = join(directory, '.dib/state.json');
    writeFileSync(state, '{"resources"');
    expect(failure(() => findImages(yaml(), undefined))).toBe(`DIB_BOOT_NO_STATE: The state ${state} cannot be read`);
  });

  it('reads the state from another directory', () => {
    writeState([output('qcow2', 'qcow2', 'local_loop.image0', 'web.qcow2')]);
    expect(findImages('elsewhere/image.yaml', join(directory, '.dib')).disks[0]?.file).toBe(join(directory, 'web.qcow2'));
  });

  it('knows a qcow2 file by its first bytes, and takes any other for raw', () => {
    const [qcow2, raw] = [join(directory, 'a'), join(directory, 'b')];
    writeFileSync(qcow2, Buffer.from('QFI\xfb....', 'latin1'));
    writeFileSync(raw, 'x');
    expect(findImages(qcow2, undefined)).toEqual({ disks: [{ file: qcow2, format: 'qcow2' }] });
    expect(findImages(raw, undefined)).toEqual({ disks: [{ file: raw, format: 'raw' }] });
  });
});
