import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { baseDigest, bootstrapInputs } from '../../../src/kinds/layer-graph.ts';
import { FACTS, NO_PAST, planOf, readGolden } from '../../golden/plan/support.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-facts-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('what a mirror had is known of the base that was made from it, and of no other', async () => {
  const read = await readGolden('auto-size');
  const { distro } = read.image.config;
  if (distro === undefined) throw new Error('the image names no distribution');
  const knownOf = async (base: string | undefined) => {
    const facts = base === undefined ? FACTS : { ...FACTS, base };
    return (await planOf(read, { directory, past: { ...NO_PAST, facts } })).facts.mirrorDigest;
  };
  expect(await knownOf(baseDigest(bootstrapInputs(distro)))).toBe(FACTS.mirrorDigest);
  expect(await knownOf(baseDigest(bootstrapInputs({ ...distro, release: 'trixie' })))).toBeUndefined();
  // States of earlier versions do not say it.
  expect(await knownOf(undefined)).toBe(FACTS.mirrorDigest);
});
