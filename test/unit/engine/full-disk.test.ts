import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { DibError } from '../../../src/diagnostics/errors.ts';
import { withFullDiskExplained } from '../../../src/engine/full-disk.ts';

const failed = new DibError({ code: 'DIB_EXEC_FAILED', severity: 'error', summary: '`dd` failed with exit status 1' });

it('leaves failures alone where there is room, or where nobody knows', async () => {
  expect(await withFullDiskExplained(['/nowhere'], Promise.resolve(7))).toBe(7);
  // proc(5) has no blocks at all.
  for (const directory of [tmpdir(), '/proc', '/nowhere']) {
    await expect(withFullDiskExplained([directory], Promise.reject(failed))).rejects.toBe(failed);
  }
});
