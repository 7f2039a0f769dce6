import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeLayout } from '../../support/oci-layout.ts';
import { needRoot } from '../../support/privileges.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';
import { Project } from '../cli/project.ts';

let scratch: string;
let project: Project;
let registry: Registry;

beforeAll(async () => {
  needRoot();
  scratch = mkdtempSync('/var/tmp/dib-test-registry-');
  registry = await startRegistry(join(scratch, 'registry'));
  project = new Project({ apiVersion: 'dib/v1', name: 'pulled', skip_base: true, outputs: ['tar'] }, join(scratch, 'cache'));
  believe(true);
});

afterAll(async () => {
  await registry?.close();
  project?.remove();
  rmSync(scratch, { recursive: true, force: true });
});

/** Tells skopeo, by its own configuration, whether this registry may do without TLS. */
function believe(insecure: boolean): void {
  const file = project.path('.config/containers/registries.conf');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `[[registry]]\nlocation = "${registry.host}"\ninsecure = ${insecure}\n`);
}

const env = () => ({ HOME: project.directory });
const ref = (name: string) => `docker://${registry.host}/${name}`;

/** Pushes a small image with its index; gives the digests of both. */
function push(name: string, motd: string): { readonly index: string; readonly manifest: string } {
  const tree = mkdtempSync(join(scratch, 'tree-'));
  const layout = mkdtempSync(join(scratch, 'layout-'));
  for (const [path, text] of Object.entries({
    'etc/os-release': 'ID=debian\nVERSION_ID="12"\n',
    'etc/motd': motd,
    'usr/x': '',
  })) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  const options = ['-C', tree, '--numeric-owner', '--sort=name', '--mtime=@1600000000', '-c', '.'];
  const raw = execFileSync('tar', options);
  const packed = execFileSync('gzip', ['-nc'], { input: raw });
  const { index, manifest } = writeLayout(layout, 'pushed', '2024-05-06T07:08:09Z', [{ raw, packed }]);
  const copy = ['copy', '--quiet', '--insecure-policy', '--all', '--dest-tls-verify=false'];
  execFileSync('skopeo', [...copy, `oci:${layout}:pushed`, ref(name)]);
  return { index: index.digest, manifest: manifest.digest };
}

function apply(reference: string, ...args: string[]): string {
  project.change({ distro: { name: 'oci', ref: reference } });
  project.apply(args, { env: env() });
  return execFileSync('tar', ['-xOf', project.path('pulled.tar'), './etc/motd'], { encoding: 'utf8' });
}

function refused(reference: string, ...args: string[]): string {
  project.change({ distro: { name: 'oci', ref: reference } });
  return project.run(['apply', '--auto-approve', ...args], { status: 1, env: env() }).stderr;
}

/** Digest of the base as the state has it. */
function recorded(): string {
  interface State {
    readonly resources: readonly { readonly address: string; readonly outputs: { readonly mirrorDigest?: string } }[];
  }
  const { resources } = JSON.parse(readFileSync(project.path('.dib/state.json'), 'utf8')) as State;
  return `sha256:${resources.find(({ address }) => address === 'layer.bootstrap')?.outputs.mirrorDigest}`;
}

test('a tag is what it meant at first, also without the registry, until --upgrade', async () => {
  const first = push('small/tree:v1', 'first\n');
  expect(apply(ref('small/tree:v1'))).toBe('first\n');
  expect(recorded()).toBe(first.manifest);
  const second = push('small/tree:v1', 'second\n');

  await registry.close();
  expect(project.planned()).toEqual([]);
  project.change({ environment: { DIB_OTHER: 'value' } });
  expect(project.planned()).not.toContainEqual(expect.stringContaining('layer.bootstrap'));
  const { host } = registry;
  registry = await startRegistry(join(scratch, 'registry'), Number(host.split(':')[1]));

  // Nothing of it is left, and the tag has moved: what is fetched is what is recorded.
  rmSync(join(project.cache, 'layers'), { recursive: true });
  expect(apply(ref('small/tree:v1'))).toBe('first\n');
  expect(apply(ref('small/tree:v1'), '--upgrade')).toBe('second\n');
  expect(recorded()).toBe(second.manifest);
});

test('a digest, of an image or of an index, needs no tag', () => {
  const { index, manifest } = push('small/tree:v2', 'pinned\n');
  for (const digest of [manifest, index]) {
    const reference = ref(`small/tree@${digest}`);
    expect(apply(reference)).toBe('pinned\n');
    expect(recorded()).toBe(digest);
  }
});

test('what cannot be fetched is told, each by its cause', () => {
  const absent = `sha256:${'0'.repeat(64)}`;
  expect(refused(ref(`small/tree@${absent}`))).toContain(
    `error[DIB_OCI_NOT_FOUND]: layer.bootstrap: The registry has no image docker://${registry.host}/small/tree@${absent}`,
  );
  expect(refused(ref('small/tree:v9'))).toContain('error[DIB_OCI_NOT_FOUND]: ');
  expect(refused('docker://127.0.0.1:9/small/tree:v1')).toContain('The registry 127.0.0.1:9 cannot be reached');
  believe(false);
  const plain = refused(ref('small/tree:v2'));
  expect(plain).toContain(`error[DIB_OCI_TLS]: layer.bootstrap: The registry ${registry.host} speaks HTTP without TLS`);
  expect(plain).toContain(`location = "${registry.host}", insecure = true`);
  believe(true);
});

test('an image that the registry lost after it was built is told to be that one', () => {
  const { manifest } = push('small/lost:v1', 'lost\n');
  expect(apply(ref('small/lost:v1'))).toBe('lost\n');
  rmSync(join(project.cache, 'layers'), { recursive: true });
  rmSync(join(scratch, 'registry/data/docker/registry/v2/repositories/small/lost'), { recursive: true });
  project.change({ environment: { DIB_OTHER: 'another' } });
  const text = refused(ref('small/lost:v1'));
  expect(text).toContain('The registry no longer has the image that');
  expect(text).toContain(`It was ${manifest}. --upgrade takes what the tag means now.`);
});
