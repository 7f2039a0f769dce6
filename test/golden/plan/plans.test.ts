import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RecordedResource } from '../../../src/kinds/kind.ts';
import { kindRegistry } from '../../../src/kinds/registry.ts';
import { makeDestroyPlan, type Past } from '../../../src/plan/make-plan.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { renderPlan } from '../../../src/ui/plan-text.ts';
import { cacheLayers, FACTS, pastOf, planOf, readGolden, TOP } from './support.ts';

// Goldens change with `vitest run test/golden --update` only: read the difference as the person who gets to see it.

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-golden-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Without this machine's paths, and without ids that change with every script in elements/. */
const portable = (text: string) =>
  text
    .replaceAll(`${TOP}/`, '<top>/')
    .replaceAll(directory, '<directory>')
    .replace(/\blayer [0-9a-f]{12}\b/g, 'layer <id>');

const textOf = (plan: Plan) => portable(renderPlan(plan, new Chalk({ level: 0 })));

/** Digests of scripts and what follows from them say nothing to a reader; key documents repeat the inputs. */
function jsonOf(plan: Plan): string {
  const text = JSON.stringify(plan, (name, value) => (name === 'key_document' ? undefined : value), 2);
  return `${portable(text).replace(/\b[0-9a-f]{64}\b/g, '<sha256>')}\n`;
}

async function expectGolden(name: string, plan: Plan): Promise<void> {
  await expect(textOf(plan)).toMatchFileSnapshot(`expected/${name}.txt`);
  await expect(jsonOf(plan)).toMatchFileSnapshot(`expected/${name}.json`);
}

const IMAGES = ['separate-var', 'mbr-logicals', 'two-disks', 'tar-only', 'auto-size', 'attached-xfs'];

describe('a first plan', () => {
  test.each(IMAGES)('%s', async (name) => {
    const plan = await planOf(await readGolden(name), { directory });
    await expectGolden(name, plan);
    expect(JSON.stringify(await planOf(await readGolden(name), { directory }))).toBe(JSON.stringify(plan));
  });

  test('quickstart, as an ordinary user', async () => {
    const plan = await planOf(await readGolden('examples/quickstart/image.yaml'), { directory, isRoot: false });
    await expect(textOf(plan)).toMatchFileSnapshot('expected/quickstart.txt');
  });

  test('a driver that no worker for it has is named, with what to do', async () => {
    const plan = await planOf(await readGolden('raid-on-disks'), { directory });
    await expect(textOf(plan)).toMatchFileSnapshot('expected/raid-on-disks.txt');
  });

  test('no line is longer than 120 columns', async () => {
    for (const name of [...IMAGES, 'examples/quickstart/image.yaml', 'examples/separate-var/image.yaml']) {
      const lines = textOf(await planOf(await readGolden(name), { directory })).split('\n');
      expect(lines.filter((line) => line.length > 120 && !line.startsWith('  local_loop.'))).toEqual([]);
    }
  });
});

describe('a plan with a past', () => {
  const plannedAfter = async (past: Past, cached = true) => {
    if (cached) cacheLayers(directory, past);
    return planOf(await readGolden('separate-var'), { directory, past });
  };
  const changed = async (change: (resource: RecordedResource) => RecordedResource | undefined) =>
    pastOf(await readGolden('separate-var'), FACTS, change);

  test('nothing changed', async () => {
    const plan = await plannedAfter(pastOf(await readGolden('separate-var')));
    expect(plan.summary).toEqual({ add: 0, change: 0, destroy: 0 });
    await expectGolden('unchanged', plan);
  });

  test('nothing changed, and the layers are gone from the cache', async () => {
    const plan = await plannedAfter(pastOf(await readGolden('separate-var')), false);
    expect(plan.summary).toEqual({ add: 0, change: 0, destroy: 0 });
  });

  test('the size changed', async () => {
    const read = await readGolden('separate-var');
    const disks = read.image.devices.disks.map((disk) => ({ ...disk, size: { unit: 'bytes', bytes: 4 * 1024 ** 3 } as const }));
    const smaller = { ...read, image: { ...read.image, devices: { ...read.image.devices, disks } } };
    await expectGolden('size-changed', await plannedAfter(pastOf(smaller as typeof read)));
  });

  test('a hook and a package changed', async () => {
    const read = await readGolden('separate-var');
    const { elements } = read.image;
    const hooks = elements.hooks['install.d'].map((hook) => ({ ...hook, sha256: 'b'.repeat(64) }));
    const install = [...elements.packages['install.d'].install].slice(1);
    const older = {
      ...elements,
      hooks: { ...elements.hooks, 'install.d': hooks },
      packages: { ...elements.packages, 'install.d': { ...elements.packages['install.d'], install } },
    };
    await expectGolden('hook-changed', await plannedAfter(pastOf({ ...read, image: { ...read.image, elements: older } })));
  });

  test('interrupted in the middle', async () => {
    const past = await changed((resource) => {
      if (resource.address === 'mkfs.mkfs_var') return { ...resource, status: 'creating' };
      return ['output', 'mount', 'fstab'].includes(resource.kind) ? undefined : resource;
    });
    await expectGolden('interrupted', await plannedAfter(past));
  });

  test('a disk is no longer in the configuration', async () => {
    const past = pastOf(await readGolden('two-disks'));
    cacheLayers(directory, past);
    await expectGolden('deleted', await planOf(await readGolden('tar-only'), { directory, past }));
  });

  test('destroy', async () => {
    const past = await changed((resource) => resource);
    const image = { file: '/images/image.yaml', name: 'separate-var', sha256: '0' };
    const plan = makeDestroyPlan({ past, image, kinds: kindRegistry(), outputs: false, dibVersion: '0.0.0', isRoot: true });
    await expectGolden('destroy', plan);
  });
});
