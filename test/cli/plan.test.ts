import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readHost } from '../../src/state/host.ts';
import { openState } from '../../src/state/store.ts';
import { FACTS, pastOf, readGolden } from '../golden/plan/support.ts';
import { runHere as dib } from '../support/command-line.ts';

const before = { directory: process.cwd(), cache: process.env['DIB_IMAGE_CACHE'] };
const IMAGES = join(import.meta.dirname, '../golden/plan/images');
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-plan-'));
  process.chdir(directory);
  vi.stubEnv('DIB_IMAGE_CACHE', join(directory, 'cache'));
});
afterEach(() => {
  process.chdir(before.directory);
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

/** Writes the state that a build of the golden image would have left, with one resource as it was before. */
async function recordBuild(name: string, older: { readonly address: string; readonly inputs: object }): Promise<string> {
  const file = join(IMAGES, `${name}.yaml`);
  const past = pastOf(await readGolden(name), FACTS, (resource) => {
    // Only what these tests ask for: what is recorded is looked for on the host.
    if (!['layer', 'local_loop'].includes(resource.kind)) return undefined;
    const outputs = resource.kind === 'layer' ? {} : { file: join(directory, 'gone.raw') };
    if (resource.address !== older.address) return { ...resource, outputs };
    const inputs = { ...resource.inputs, ...older.inputs };
    return { ...resource, inputs, outputs, key: 'c'.repeat(64), keyDocument: { ...resource.keyDocument, inputs } };
  });
  const image = { file, name, sha256: '0' };
  mkdirSync('state', { mode: 0o700 });
  const store = await openState(join(directory, 'state'), { dibVersion: '0.0.0', image, host: await readHost() });
  await store.update((state) => ({ ...state, facts: past.facts, resources: past.resources }));
  return file;
}

describe('dib plan', () => {
  test('changes nothing, and exits with 2 on request when there is something to do', async () => {
    const { stdout, stderr, status } = await dib(
      'plan',
      '--detailed-exitcode',
      '--state-dir',
      'state',
      join(IMAGES, 'tar-only.yaml'),
    );
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('Plan: 7 to add, 0 to change, 0 to destroy.');
    expect({ stderr, status, files: readdirSync('.') }).toEqual({ stderr: '', status: 2, files: [] });
  });

  test('names the variables of the environment that it was made with', async () => {
    vi.stubEnv('DIB_RELEASE', 'bookworm');
    vi.stubEnv('SOURCE_DATE_EPOCH', '1700000000');
    const file = join(IMAGES, 'tar-only.yaml');
    expect((await dib('plan', file)).stdout).toContain('\nVariables from the environment: DIB_RELEASE, SOURCE_DATE_EPOCH\n');
    const plan = JSON.parse((await dib('plan', '--json', file)).stdout);
    expect(plan.environment_variables).toEqual(['DIB_RELEASE', 'SOURCE_DATE_EPOCH']);
  });

  test('a variable that image.yaml sets is not one of the environment', async () => {
    vi.stubEnv('DIB_DEBIAN_KERNEL', 'linux-image-rt-amd64');
    const text = readFileSync(join(IMAGES, 'tar-only.yaml'), 'utf8').replace('../elements', join(IMAGES, '../elements'));
    writeFileSync('image.yaml', `${text}environment: { DIB_DEBIAN_KERNEL: linux-image-cloud-amd64 }\n`);
    expect((await dib('plan')).stdout).not.toContain('Variables from the environment');
  });
});

describe('elements of a foreign tree that dib has too', () => {
  const image = (more: string) =>
    `apiVersion: dib/v1\nname: x\ndistro: { name: debian, release: bookworm }\nelements_path: [tree]\nelements: [dpkg]\noutputs: [tar]\n${more}`;

  test('are named, as they do not run', async () => {
    mkdirSync('tree/dpkg', { recursive: true });
    writeFileSync('image.yaml', image(''));
    const tree = join(process.cwd(), 'tree');
    expect((await dib('plan')).stdout).toContain(
      `\ndib's own elements in place of those of \`${tree}\`: dpkg (see \`native_elements\`)\n`,
    );
    const plan = JSON.parse((await dib('plan', '--json')).stdout);
    expect(plan.replaced_elements).toEqual([{ name: 'dpkg', directory: join(tree, 'dpkg') }]);
  });

  test('run with `native_elements: false`, and hooks are told', async () => {
    mkdirSync('tree/dpkg/install.d', { recursive: true });
    writeFileSync('tree/dpkg/install.d/10-theirs', '#!/bin/bash\n', { mode: 0o755 });
    writeFileSync('image.yaml', image('native_elements: false\n'));
    const plan = JSON.parse((await dib('plan', '--json')).stdout);
    expect(plan.replaced_elements).toBeUndefined();
    expect(plan.configuration.native_elements).toBe(false);
    const layer = plan.resource_changes.find((change: { address: string }) => change.address === 'layer.install');
    expect(layer.change.after.environment.DIB_NATIVE_ELEMENTS).toBe('0');
    expect(layer.change.after.steps).toContainEqual(expect.objectContaining({ name: '10-theirs', element: 'dpkg' }));
  });
});

describe('dib plan --why', () => {
  const file = join(IMAGES, 'separate-var.yaml');

  test('of what is new: all that it is made from', async () => {
    const { stdout, status } = await dib('plan', '--why', 'fstab.fstab_mount_mkfs_swap', '--state-dir', 'state', file);
    expect(stdout).toBe(`fstab.fstab_mount_mkfs_swap will be created

It is made from:
{
  "kind": "fstab",
  "inputs": {
    "line": "UUID=2d9bd9b7-5231-5e46-b727-b524e7b59853 none swap sw 0 0"
  },
  "dependencies": {
    "mount.mount_mkfs_swap": "9f1d5467de5312d624fbfb6f9005c4b31de692787e51fd2c8e7c705c4a25bda5"
  }
}
`);
    expect(status).toBe(0);
  });

  test('of what changed: the difference of the key documents', async () => {
    await recordBuild('separate-var', { address: 'local_loop.image0', inputs: { size: 4 * 1024 ** 3 } });
    const { stdout } = await dib('plan', '--why', 'local_loop.image0', '--state-dir', 'state', file);
    expect(stdout).toContain('-    "size": 4294967296\n+    "size": 3221225472\n');
    expect(stdout.split('\n')[0]).toBe('local_loop.image0 will be created: it is gone from the host');
  });

  test('as JSON: both documents', async () => {
    await recordBuild('separate-var', { address: 'local_loop.image0', inputs: { size: 4 * 1024 ** 3 } });
    const why = JSON.parse((await dib('plan', '--json', '--why', 'local_loop.image0', '--state-dir', 'state', file)).stdout);
    expect(why).toMatchObject({
      format_version: '1.0',
      address: 'local_loop.image0',
      before: { kind: 'local_loop', inputs: { size: 4 * 1024 ** 3 } },
      after: { kind: 'local_loop', inputs: { size: 3 * 1024 ** 3 } },
    });
  });

  test('of what is unchanged: says so', async () => {
    await recordBuild('separate-var', { address: '', inputs: {} });
    const { stdout } = await dib('plan', '--why', 'layer.bootstrap', '--state-dir', 'state', file);
    expect(stdout).toContain('\n\nAll that it is made from is unchanged:\n{\n  "dependencies": {},\n');
  });

  test('of an address that is none', async () => {
    const { stdout, stderr, status } = await dib('plan', '--why', 'mkfs.nothing', file);
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 });
    expect(stderr).toContain(
      'error[DIB_PLAN_UNKNOWN_ADDRESS]: `--why` names `mkfs.nothing`, which is not a resource of this image',
    );
  });
});
