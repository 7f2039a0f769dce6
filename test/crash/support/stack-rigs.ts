import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { expectSuccess } from './checks.ts';
import { type Attack, ProductRig, type RigOptions } from './product.ts';
import { applyOf, describeStack, type StackReference } from './stack-checks.ts';
import { stackImage } from './stack-images.ts';
import type { Judge } from './stack-judge.ts';

/** Of a line of a log that shows a command: what comes before its program. */
const PROMPT = /^\$ (?:cd \S+ && )?(?:env (?:\S+=\S* )+)?/;
const STEP = new RegExp(`${PROMPT.source}(\\S+(?: [^\\s=]+)?)`);
const BIN = fileURLToPath(new URL('./bin', import.meta.url));

/** A command that an undisturbed build runs for a resource. */
export interface Step {
  readonly address: string;
  /** Program and first argument. */
  readonly command: string;
}

/** An example that was built without disturbance, with a cache that has its layers. */
export interface Built extends StackReference {
  readonly front: string;
  readonly cache: string;
  remove(): void;
}

export interface Undisturbed extends Built {
  /** How often the state is written. */
  readonly writes: number;
  /** In the order of the first of each. */
  readonly steps: readonly Step[];
}

/** Builds an example. */
export async function buildOnce(name: string, front: string, judge?: Judge): Promise<Built> {
  const image = stackImage(name);
  const rig = makeRig({ front, image: image.text, files: image.files, environment: image.environment });
  expectSuccess(await rig.run(applyOf(image)));
  const isJudged = image.worker === 'host' || judge !== undefined;
  const disks = isJudged ? await describeStack(rig, image, judge) : undefined;
  const addresses = rig.resources.map(({ address }) => address);
  return { front, image, addresses, judge, disks, cache: rig.cache, remove: () => rig.cleanUp() };
}

/** Builds an example twice, the second time with layers from the cache; both are equal. */
export async function buildUndisturbed(name: string, front: string, judge?: Judge): Promise<Undisturbed> {
  const built = await buildOnce(name, front, judge);
  return await withRig(built, async (rig) => {
    expectSuccess(await rig.run(applyOf(built.image)));
    expect(await describeStack(rig, built.image, judge)).toEqual(built.disks);
    return { ...built, writes: rig.writes, steps: stepsOf(rig) };
  });
}

/** A fresh state and a cache that has the layers. */
export async function withRig<T>(
  { front, image, cache }: Pick<Built, 'front' | 'image' | 'cache'>,
  body: (rig: ProductRig) => Promise<T>,
  more: Partial<RigOptions> = {},
): Promise<T> {
  const { text, files, environment } = image;
  const rig = makeRig({ front, image: text, files, environment, cache, ...more });
  try {
    return await body(rig);
  } finally {
    rig.cleanUp();
  }
}

function makeRig(options: RigOptions): ProductRig {
  const PATH = `${BIN}:${process.env['PATH']}`;
  return new ProductRig({ ...options, environment: { ...options.environment, PATH } });
}

/** What the logs of the only run say, with the attaching and detaching of each resource. */
function stepsOf(rig: ProductRig): Step[] {
  const logs = join(rig.root, '.dib/logs');
  const [run = ''] = readdirSync(logs);
  return readdirSync(join(logs, run)).flatMap((file) => {
    const lines = readFileSync(join(logs, run, file), 'utf8').split('\n');
    const commands = lines.flatMap((line) => STEP.exec(line)?.[1] ?? []);
    return [...new Set(commands)].map((command) => ({ address: file.replace(/\.log$/, ''), command }));
  });
}

/** A kill while a command runs. */
export function during({ address, command }: Step, victim: Attack['victim'] = 'front', after = 0): Attack {
  const start = new RegExp(`${PROMPT.source}${command.replaceAll(/[^\w ]/g, '\\$&')}`, 'm');
  return {
    at: ({ type, hook }) => type === 'apply_start' && hook?.resource.addr === address,
    command: start,
    after,
    victim,
  };
}
