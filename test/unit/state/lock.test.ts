import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lockState } from '../../../src/state/lock.ts';

it('removes what writes that were killed left', async () => {
  const place = await mkdtemp(join(tmpdir(), 'dib-lock-'));
  try {
    for (const name of ['state.json.tmp', 'job.json.tmp', 'state.json']) await writeFile(join(place, name), '{}');
    const lock = await lockState(place, { operation: 'apply' });
    expect((await readdir(place)).sort()).toEqual(['state.json', 'state.lock', 'state.lock.info']);
    await lock.release();
  } finally {
    await rm(place, { recursive: true });
  }
});
