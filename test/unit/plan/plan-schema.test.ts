import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Plan as PlanOfSchema } from '../../../src/generated/plan-schema.ts';
import { validatePlan } from '../../../src/generated/validate-plan.ts';
import { kindRegistry } from '../../../src/kinds/registry.ts';
import { makeDestroyPlan } from '../../../src/plan/make-plan.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import type { Json } from '../../../src/util/json.ts';
import { cacheLayers, FACTS, NO_PAST, pastOf, planOf, readGolden, TOP } from '../../golden/plan/support.ts';

/** Any JSON: where the schema says no more, nor does the type. */
type Anything = 'anything';
/** A type as JSON shows it: without readonly, undefined, and open ends beside known members. */
type Shape<T> = [Json, T] extends [T, Json] ? Anything : ShapeOfOne<T>;
type ShapeOfOne<T> = T extends readonly unknown[]
  ? { -readonly [K in keyof T]: Shape<T[K]> }
  : T extends object
    ? ShapeOfObject<T>
    : T;
type ShapeOfObject<T extends object> = [Known<T>] extends [never]
  ? [Readonly<Record<string, Json>>] extends [T]
    ? Anything
    : { -readonly [K in keyof T]: Shape<T[K]> }
  : { -readonly [K in keyof T as string extends K ? never : K]: Shape<Exclude<T[K], undefined>> };
type Known<T> = keyof { [K in keyof T as string extends K ? never : K]: true };
/** Identical, optional members included: assignability alone would not miss those. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

// Judged by the type check of `npm run check`.
const agreed: Same<Shape<Plan>, Shape<PlanOfSchema>> = true;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-plan-schema-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What is wrong with the JSON that `dib plan --json` prints. */
function problems(plan: Plan): unknown {
  return validatePlan(JSON.parse(JSON.stringify(plan)))
    ? []
    : validatePlan.errors?.map(({ instancePath, message }) => [instancePath, message]);
}

describe('schemas/plan.schema.json', () => {
  test('agrees with the types that the program uses', () => {
    expect(agreed).toBe(true);
  });

  test.each([
    'examples/quickstart/image.yaml',
    'examples/separate-var/image.yaml',
    'mbr-logicals',
    'two-disks',
    'tar-only',
    'auto-size',
    'attached-xfs',
  ])('fits the first plan of %s', async (name) => {
    expect(problems(await planOf(await readGolden(name), { directory }))).toEqual([]);
  });

  test('fits plans with a past: nothing to do, interrupted, replaced, deleted, destroyed', async () => {
    const read = await readGolden('separate-var');
    const past = pastOf(read);
    cacheLayers(directory, past);
    const interrupted = pastOf(read, FACTS, (resource) => ({ ...resource, status: 'tainted' }));
    const options = { replace: ['mkfs.mkfs_var'], target: ['mkfs.mkfs_var'], worker: 'userns', realisation: 'offline' } as const;
    const image = { file: '/image.yaml', name: 'separate-var', sha256: '0' };
    const plans = [
      await planOf(read, { directory, past }),
      await planOf(read, { directory, past: interrupted }),
      await planOf(read, { directory, past, options }),
      await planOf(read, { directory, past, options: { upgrade: true } }),
      await planOf(await readGolden('tar-only'), { directory, past }),
      makeDestroyPlan({ past, image, kinds: kindRegistry(), outputs: true, dibVersion: '0', isRoot: false }),
    ];
    for (const plan of plans) expect(problems(plan)).toEqual([]);
    const changed = plans.map((plan) => plan.resource_changes.some(({ change }) => change.actions[0] !== 'no-op'));
    expect(changed).toEqual([false, true, true, true, true, true]);
  });

  test('refuses members that it does not know and values of another type', async () => {
    const plan = await planOf(await readGolden('tar-only'), { directory });
    expect(validatePlan({ ...plan, surprise: 1 })).toBe(false);
    expect(validatePlan({ ...plan, summary: { ...plan.summary, add: '1' } })).toBe(false);
  });

  test('has a description for everything', () => {
    const schema = JSON.parse(readFileSync(join(TOP, 'schemas/plan.schema.json'), 'utf8'));
    const without: string[] = [];
    const visit = (value: unknown, pointer: string): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [name, member] of Object.entries(value as Record<string, Record<string, unknown>>)) {
        const isSchema =
          /\/(properties|definitions)$|^\/?items$/.test(pointer) || ['items', 'additionalProperties'].includes(name);
        if (isSchema && typeof member === 'object' && member['description'] === undefined && member['$ref'] === undefined)
          without.push(`${pointer}/${name}`);
        visit(member, `${pointer}/${name}`);
      }
    };
    visit(schema, '');
    expect(without).toEqual([]);
  });
});

test('a plan holds no secrets', async () => {
  const read = await readGolden('tar-only');
  const { image } = read;
  const environment = { ...image.config.environment, DIB_DEV_USER_PASSWORD: 'correct horse' };
  const elements = { ...image.elements, environment: { ...image.elements.environment, ...environment } };
  const secret = { ...read, image: { ...image, elements, config: { ...image.config, environment } } };
  const text = JSON.stringify(await planOf(secret, { directory, past: NO_PAST }));
  expect(text).not.toContain('correct horse');
  expect(text).toContain('DIB_DEV_USER_PASSWORD');
});
