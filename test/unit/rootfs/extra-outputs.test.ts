import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DibError } from '../../../src/diagnostics/errors.ts';
import { checkExtraOutputs, makeExtraOutputs } from '../../../src/rootfs/extra-outputs.ts';

let layer: string;
beforeEach(() => {
  layer = mkdtempSync(join(tmpdir(), 'dib-extra-'));
});
afterEach(() => rmSync(layer, { recursive: true, force: true }));

describe('what cleanup.d hooks make for the user', () => {
  it('is nothing in most layers, and then no directory either', () => {
    const directory = makeExtraOutputs(layer);
    expect(checkExtraOutputs(directory, [], 'layer.install')).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  });

  it('has to be what is declared, and tells what is not', () => {
    const directory = makeExtraOutputs(layer);
    writeFileSync(join(directory, 'web.initrd'), '');
    writeFileSync(join(directory, 'web.notes'), '');
    expect(checkExtraOutputs(directory, ['web.initrd'], 'layer.finalise')).toEqual(['web.notes']);
    const error = (() => {
      try {
        checkExtraOutputs(directory, ['web.initrd', 'web.vmlinuz'], 'layer.finalise');
      } catch (caught) {
        return caught;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(DibError);
    expect((error as DibError).diagnostics[0]).toMatchObject({
      code: 'DIB_OUTPUT_NOT_MADE',
      address: 'layer.finalise',
      summary: 'No hook of `cleanup.d` made `web.vmlinuz`',
    });
  });
});
