import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DibError } from '../../../src/diagnostics/errors.ts';
import { cacheLayers, FACTS, NO_PAST, pastOf, planOf, readGolden } from '../../golden/plan/support.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-usage-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const usage = { '/': { bytes: 300 * 1024 ** 2, inodes: 9000 } };
/** No build yet of this image, but what a mirror had is known. */
const firstBuild = { ...NO_PAST, facts: FACTS };

test('size: auto is known once the cache has the last layer', async () => {
  const read = await readGolden('auto-size');
  const unknown = await planOf(read, { directory, past: firstBuild });
  expect(unknown.disks[0]?.size).toBeUndefined();
  expect(unknown.facts.usage).toBeUndefined();

  const layers = unknown.resource_changes.filter(({ kind }) => kind === 'layer');
  const records = layers.map((layer) => recordOf(layer.address, layer.key ?? ''));
  cacheLayers(directory, { ...firstBuild, resources: records }, usage);
  const known = await planOf(read, { directory, past: firstBuild });
  expect(known.disks[0]?.size).toBeGreaterThan(usage['/'].bytes);
  expect(known.facts.usage).toEqual({ layer: layers.at(-1)?.key, mounts: usage });
  expect(JSON.stringify(known.resource_changes)).not.toContain('(known after apply)');
});

test('a cached tree that does not fit is told by the plan', async () => {
  const read = await readGolden('separate-var');
  const past = pastOf(read);
  const large = { '/': { bytes: 8 * 1024 ** 3, inodes: 9000 }, '/var': { bytes: 1024, inodes: 10 } };
  cacheLayers(directory, past, large);
  await expect(planOf(read, { directory, past })).rejects.toThrow(DibError);
});

function recordOf(address: string, key: string) {
  const keyDocument = { kind: 'layer', inputs: {}, dependencies: {} };
  const name = address.replace('layer.', '');
  return { address, kind: 'layer', name, status: 'created' as const, inputs: {}, outputs: {}, key, keyDocument, dependsOn: [] };
}
