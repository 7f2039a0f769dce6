import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { validatePlan } from '../../../src/generated/validate-plan.ts';
import { hostFiles } from '../../../src/host/files.ts';
import type { Presence, RecordedResource } from '../../../src/kinds/kind.ts';
import { kindRegistry } from '../../../src/kinds/registry.ts';
import { makeDestroyPlan } from '../../../src/plan/make-plan.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { findHolders } from '../../../src/plan/refresh.ts';
import { makeRefreshPlan } from '../../../src/plan/refresh-plan.ts';
import { renderPlan } from '../../../src/ui/plan-text.ts';
import { type FakeMachine, fakeHost } from '../../support/fake-host.ts';
import { cacheLayers, FACTS, pastOf, planOf, probedKinds, readGolden } from './support.ts';

// Only what drift adds to a plan: the actions have goldens of their own.

const BOOT = '0a1b2c3d-boot';
const WORK = '/images/web/.dib/work';
const DISK = `${WORK}/image0.raw`;
const PATHS = { image: '/images/web', state: '/images/web/.dib', work: WORK, cache: '/cache', scratch: '/cache/scratch' };
const IMAGE = { file: '/images/web/image.yaml', name: 'web', sha256: '0' };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-golden-drift-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** The past of an image with outputs as a build would have left them. */
async function built(change: (resource: RecordedResource) => RecordedResource = (resource) => resource) {
  return pastOf(await readGolden('separate-var'), FACTS, (resource) => change({ ...resource, outputs: outputsOf(resource) }));
}

function outputsOf({ kind, inputs }: RecordedResource): RecordedResource['outputs'] {
  const { uuid, label, type, size } = inputs;
  if (kind === 'local_loop') return { file: DISK, size, sectorSize: 512, dev: 65024, ino: 1234 };
  if (kind === 'mkfs') return { uuid, label, type };
  if (kind === 'output') return { path: '/images/web/web.qcow2', size: 1000, sha256: 'c'.repeat(64), mtime: 1_700_000_000_000 };
  return {};
}

const PRESENCE: Readonly<Record<string, Presence>> = {
  'output.qcow2': { state: 'absent' },
  'local_loop.image0': {
    state: 'drifted',
    reason: 'its content was changed at 2026-11-21 14:15:25Z',
    found: { stamp: { changed: '2026-11-21T14:15:25.475000011Z' } },
  },
  'mkfs.mkfs_var': {
    state: 'drifted',
    reason: 'it has the UUID 3d2f1f0e-6c5b-4a39-8f27-1e0d9c8b7a65 instead of another',
    found: { outputs: { uuid: '3d2f1f0e-6c5b-4a39-8f27-1e0d9c8b7a65' } },
  },
  'mkfs.mkfs_swap': { state: 'drifted', reason: `there is no swap file system in ${DISK} at byte 2097152 any more` },
};

/** Attached by dib: two loop devices, of which one is gone. Stacked on the other by somebody: a volume group, mounted. */
const MACHINE: FakeMachine = {
  devices: {
    loop0: { loop: DISK },
    loop5: { loop: DISK, offset: 1 << 30 },
    'dm-0': { on: ['loop5'], dm: ['theirs-root', `LVM-${'g'.repeat(32)}${'r'.repeat(32)}`] },
    'dm-1': { on: ['dm-0'], dm: ['opened', 'CRYPT-LUKS2-0123-opened'] },
  },
  mounts: [{ target: '/mnt/look', source: '/dev/mapper/opened', device: 'dm-1' }],
};

function attached(resource: RecordedResource): RecordedResource {
  const attachment = (outputs: RecordedResource['outputs']) => ({ status: 'attached' as const, bootId: BOOT, outputs });
  if (resource.address === 'local_loop.image0')
    return { ...resource, attachment: attachment({ device: '/dev/loop0', file: DISK, offset: 0, length: 0 }) };
  if (resource.address === 'partition.root')
    return { ...resource, attachment: attachment({ device: '/dev/loop1', file: DISK, offset: 1 << 20, length: 1 << 20 }) };
  return resource;
}

function machine(more: Partial<FakeMachine> = {}): string {
  fakeHost(join(directory, 'host'), { ...MACHINE, ...more, bootId: BOOT });
  return join(directory, 'host');
}

/** The parts of the text that tell of drift and teardown. */
function told(plan: Plan): string {
  expect(validatePlan(JSON.parse(JSON.stringify(plan))), JSON.stringify(validatePlan.errors)).toBe(true);
  const text = renderPlan(plan, new Chalk({ level: 0 }));
  return `${text.split(/\n\n(?=Actions, |\d+ other)/)[0]?.trimEnd()}\n`;
}

describe('what changed outside of dib', () => {
  test('in the plan of an apply', async () => {
    const stamp = { changed: '2026-11-21T14:14:54.391001363Z' };
    const past = await built((resource) => attached(resource.kind === 'local_loop' ? { ...resource, stamp } : resource));
    cacheLayers(directory, past);
    const plan = await planOf(await readGolden('separate-var'), { directory, past, presence: PRESENCE, host: machine() });
    await expect(told(plan)).toMatchFileSnapshot('expected/drift.txt');
    const { resource_drift, teardown } = plan;
    await expect(`${JSON.stringify({ resource_drift, teardown }, null, 2)}\n`).toMatchFileSnapshot('expected/drift.json');
  });

  test('in a plan that only refreshes', async () => {
    const past = await built(attached);
    const request = { past, image: IMAGE, kinds: probedKinds(PRESENCE), paths: PATHS, dibVersion: '0.0.0' };
    const plan = await makeRefreshPlan({ ...request, host: hostFiles(machine()) });
    await expect(told(plan)).toMatchFileSnapshot('expected/refresh-only.txt');
    const unmoved = await makeRefreshPlan({ ...request, past: await built(), kinds: probedKinds(), host: hostFiles(directory) });
    await expect(told(unmoved)).toMatchFileSnapshot('expected/refresh-only-nothing.txt');
  });

  test('a time is told as a date', async () => {
    const found = { outputs: { size: 1000, sha256: 'd'.repeat(64), mtime: 1_700_000_001_500 } };
    const presence: Readonly<Record<string, Presence>> = {
      'output.qcow2': { state: 'drifted', reason: '/images/web/web.qcow2 was changed', found },
    };
    const request = { past: await built(), image: IMAGE, kinds: probedKinds(presence), paths: PATHS, dibVersion: '0.0.0' };
    const plan = await makeRefreshPlan({ ...request, host: hostFiles(machine()) });
    expect(told(plan)).toContain('  ~ mtime: 2023-11-14T22:13:20.000Z -> 2023-11-14T22:13:21.500Z\n');
  });

  test('in the plan of destroy: what has to be stopped, known or not, and what is not ours to stop', async () => {
    const past = await built(attached);
    const devices = { ...MACHINE.devices, sda: {}, md1: { on: ['loop5', 'sda'], md: ['raid1', '0'] as const } };
    const holders = await findHolders({ resources: past.resources, paths: PATHS, host: hostFiles(machine({ devices })) });
    const request = { past, image: IMAGE, kinds: kindRegistry(), outputs: false, dibVersion: '0.0.0', isRoot: true, holders };
    const plan = makeDestroyPlan(request);
    await expect(told({ ...plan, resource_changes: [] })).toMatchFileSnapshot('expected/teardown.txt');
  });
});
