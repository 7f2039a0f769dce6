import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { privateName } from '../../../src/kinds/private-name.ts';
import { DESTROY, expectSuccess } from './checks.ts';
import type { ProductRig } from './product.ts';
import { describeFile } from './stack-files.ts';
import type { StackImage } from './stack-images.ts';
import type { Description, Judge } from './stack-judge.ts';

const run = promisify(execFile);

/** Where programs for device stacks leave things on a machine, by name. */
const PLACES = [
  '/run/dib',
  '/run/lvm',
  '/run/mdadm',
  '/run/cryptsetup',
  '/etc/lvm/archive',
  '/etc/lvm/backup',
  '/etc/lvm/devices',
  '/dev/mapper',
  '/dev/md',
];

/** What an undisturbed build gave. */
export interface StackReference {
  readonly image: StackImage;
  /** What is on the disks; undefined without a judge of what a kernel wrote. */
  readonly disks: string | undefined;
  /** Of all resources. */
  readonly addresses: readonly string[];
  readonly judge: Judge | undefined;
}

/** What is left of a build outside of its directories: all that it attaches has a name of its own, whoever else works on this machine. */
function leftOnMachine(rig: ProductRig, addresses: readonly string[]): string[] {
  const state = join(rig.root, '.dib');
  const names = addresses.map((address) => privateName({ state }, address).replace('dib-', ''));
  const isOurs = (name: string) => names.some((ours) => name.includes(ours));
  const files = PLACES.flatMap((place) => (existsSync(place) ? readdirSync(place).map((name) => join(place, name)) : []));
  const mappings = readdirSync('/sys/block').flatMap((device) => {
    const path = join('/sys/block', device, 'dm/name');
    return existsSync(path) ? [readFileSync(path, 'utf8').trim()] : [];
  });
  return [...files, ...mappings].filter(isOurs);
}

/** What is on the disks of a build. The outputs hold the same, bit for bit, and what LVM chose is recorded. */
export async function describeStack(rig: ProductRig, image: StackImage, judge: Judge | undefined): Promise<string> {
  const work = join(rig.root, '.dib/work');
  const disks = readdirSync(work).filter((name) => name.endsWith('.raw'));
  for (const name of disks) {
    const output = join(rig.root, disks.length === 1 ? `${image.name}.qcow2` : `${image.name}-${name.replace('.raw', '')}.qcow2`);
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', join(work, name), output]);
  }
  const files = disks.sort().map((name) => join(work, name));
  if (judge === undefined) return (await Promise.all(files.map(describeFile))).join('\n');
  const { text, ids } = await judge.describe(files);
  expectRecorded(rig, ids);
  return text;
}

function expectRecorded({ resources }: ProductRig, ids: Description['ids']): void {
  const recorded = resources.flatMap(({ address, outputs }) =>
    address in ids && typeof outputs['id'] === 'string' ? [[address, outputs['id']] as const] : [],
  );
  for (const [address, id] of recorded) expect([address, id]).toEqual([address, ids[address]]);
}

/** An apply finishes, the disks are those of an undisturbed build where these are known, and nothing is under way any more. */
export async function expectStackApplied(rig: ProductRig, reference: StackReference): Promise<void> {
  const { image, judge, disks } = reference;
  expectSuccess(await rig.run(applyOf(image)));
  for (const { address, status, attachment } of rig.resources) {
    expect([address, status, attachment]).toEqual([address, 'created', undefined]);
  }
  expect(remaindersOf(rig, reference)).toEqual([]);
  expect(rig.products()).toEqual(image.outputs.flatMap((name) => [name, `${name}.sha256`]).sort());
  if (disks !== undefined) expect(await describeStack(rig, image, judge)).toEqual(disks);
}

/** A destroy succeeds and nothing is left; finished outputs stay, and are whole. */
export async function expectStackDestroyed(rig: ProductRig, reference: StackReference): Promise<void> {
  expectSuccess(await rig.run(DESTROY));
  expect(remaindersOf(rig, reference)).toEqual([]);
  expect(rig.exists('.dib/work')).toBe(false);
  expect(rig.resources.every(({ address }) => address.startsWith('output.'))).toBe(true);
  const names = rig.resources.flatMap(({ outputs }) => {
    const name = String(outputs['path']).slice(rig.root.length + 1);
    expect(rig.sha256(name)).toBe(outputs['sha256']);
    return [name, `${name}.sha256`];
  });
  expect(rig.products()).toEqual(names.sort());
}

export function applyOf({ worker }: StackImage): string[] {
  return ['apply', '--auto-approve', '--json', ...(worker === 'vm' ? ['--worker', 'vm'] : [])];
}

/** Everything that is only there while something is under way, content of containers in clear included. */
export function remaindersOf(rig: ProductRig, { addresses }: Pick<StackReference, 'addresses'>): string[] {
  const work = join(rig.root, '.dib/work');
  const names = existsSync(work) ? readdirSync(work) : [];
  return [
    ...rig.remainders(),
    ...names.filter((name) => name.includes('.luks-header')),
    ...names.filter((name) => name.endsWith('.luks-plain') && statSync(join(work, name)).size > 0),
    ...leftOnMachine(rig, addresses),
  ];
}
