import { join } from 'node:path';
import { expect } from 'vitest';
import { describeDisk, type ProductRig, type Run } from './product.ts';

export const APPLY = ['apply', '--auto-approve', '--json'];
export const DESTROY = ['destroy', '--auto-approve', '--json'];
export const DISK = '.dib/work/image0.raw';

/** What an undisturbed build gave. */
export interface Reference {
  readonly disk: string;
  readonly outputs: Readonly<Record<string, string>>;
}

export function errors(run: Run): string[] {
  return run.lines
    .filter((line) => line.type === 'diagnostic' && line.diagnostic?.severity === 'error')
    .map(({ diagnostic }) => [`${diagnostic?.code}: ${diagnostic?.summary}`, diagnostic?.detail].filter(Boolean).join('\n'));
}

export function expectSuccess(run: Run): void {
  expect(errors(run)).toEqual([]);
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
}

/** Content of the disk, whatever wrote it, and of the outputs that are equal byte for byte. */
export function describeBuild(rig: ProductRig, outputs: readonly string[]): Reference {
  return {
    disk: describeDisk(join(rig.root, DISK)),
    outputs: Object.fromEntries(outputs.map((name) => [name, rig.sha256(name)])),
  };
}

/** An apply finishes, the image is the undisturbed one, and nothing is under way any more. */
export async function expectApplied(rig: ProductRig, reference: Reference, args: readonly string[] = []): Promise<void> {
  expectSuccess(await rig.run([...APPLY, ...args]));
  for (const { address, status, attachment } of rig.resources) {
    expect([address, status, attachment]).toEqual([address, 'created', undefined]);
  }
  expect(rig.remainders()).toEqual([]);
  expect(rig.products()).toEqual(['tiny', 'debian'].flatMap((name) => productsOf(name)).filter((name) => rig.exists(name)));
  expect(describeBuild(rig, Object.keys(reference.outputs))).toEqual(reference);
}

/** A destroy succeeds and nothing is left; finished outputs stay, and are whole. */
export async function expectDestroyed(rig: ProductRig, args: readonly string[] = []): Promise<void> {
  expectSuccess(await rig.run([...DESTROY, ...args]));
  expect(rig.remainders()).toEqual([]);
  expect(rig.exists('.dib/work')).toBe(false);
  const kept = rig.resources;
  expect(kept.every((resource) => resource.address.startsWith('output.'))).toBe(true);
  const names = kept.flatMap((resource) => {
    const name = String(resource.outputs['path']).slice(rig.root.length + 1);
    expect(rig.sha256(name)).toBe(resource.outputs['sha256']);
    return [name, `${name}.sha256`];
  });
  expect(rig.products()).toEqual(names.sort());
}

function productsOf(name: string): string[] {
  return ['qcow2', 'tar'].flatMap((format) => [`${name}.${format}`, `${name}.${format}.sha256`]);
}
