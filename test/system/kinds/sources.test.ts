import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DibError } from '../../../src/diagnostics/errors.ts';
import type { ElementSet } from '../../../src/elements/element.ts';
import type { SourceRepository } from '../../../src/elements/source-repositories.ts';
import { createRunner } from '../../../src/exec/run.ts';
import type { ActionContext } from '../../../src/kinds/kind.ts';
import { placeSources } from '../../../src/kinds/place-sources.ts';
import { type SourceOutputs, sourceKind } from '../../../src/kinds/source.ts';
import { sourceIdentity, sourceResources } from '../../../src/kinds/source-graph.ts';
import { LayerCache } from '../../../src/rootfs/cache.ts';

const directory = mkdtempSync(join(tmpdir(), 'dib-sources-'));
const repository = join(directory, 'repository');
const served = join(directory, 'served');
let cache: LayerCache;
let server: Server;
let url = '';
const requests: { readonly path: string; readonly authorization: string | undefined }[] = [];

function git(...argv: string[]): string {
  const author = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org'];
  return execFileSync('git', ['-C', repository, ...author, ...argv], { encoding: 'utf8' }).trim();
}

function commit(text: string): string {
  writeFileSync(join(repository, 'version'), `${text}\n`);
  git('add', '.');
  git('commit', '--quiet', '--message', text);
  return git('rev-parse', 'HEAD');
}

beforeAll(async () => {
  mkdirSync(repository);
  mkdirSync(join(served, 'top-1.0/sub'), { recursive: true });
  git('init', '--quiet', '--initial-branch=main');
  commit('one');
  git('tag', '--annotate', '--message', 'first', 'v1');
  git('branch', 'side');
  commit('two');
  git('update-ref', 'refs/changes/01/1/1', 'HEAD');
  commit('three');
  writeFileSync(join(served, 'top-1.0/readme'), 'read me\n');
  writeFileSync(join(served, 'top-1.0/sub/tool'), '#!/bin/sh\n', { mode: 0o755 });
  for (const [name, option] of [
    ['tools.tar.gz', '--gzip'],
    ['tools.tar.xz', '--xz'],
  ] as const)
    execFileSync('tar', ['--create', option, '--file', join(served, name), '--directory', served, '--owner=1234', 'top-1.0']);
  writeFileSync(join(served, 'plain'), 'plain\n');
  cache = await LayerCache.open(join(directory, 'cache'));
  server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    requests.push({ path, authorization: request.headers.authorization });
    const file = join(served, path.replace(/^\/private/, ''));
    if (path.startsWith('/private') && request.headers.authorization === undefined) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="test"' }).end();
    } else if (existsSync(file) && lstatSync(file).isFile()) response.end(readFileSync(file));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await cache.unpin();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

const RANGE = {
  file: 'source-repository-test',
  start: { line: 3, column: 1, offset: 0 },
  end: { line: 3, column: 9, offset: 8 },
};

function source(changes: Partial<SourceRepository>): SourceRepository {
  return {
    name: 'test',
    type: 'git',
    location: repository,
    ref: 'main',
    destinations: ['/opt/test'],
    element: 'tools',
    range: RANGE,
    ...changes,
  };
}

interface Fetched {
  readonly outputs: SourceOutputs;
  readonly content: string;
  readonly log: string;
}

/** Makes the resource of a source as a worker does. `revision`: what an earlier run found. */
async function fetch(wanted: SourceRepository, revision?: string): Promise<Fetched> {
  const set = { sources: [wanted] } as unknown as ElementSet;
  const known = revision === undefined ? {} : { [wanted.name]: { identity: sourceIdentity(wanted), revision } };
  const [resource] = sourceResources(set, known);
  if (resource === undefined) throw new Error('no resource');
  const lines: string[] = [];
  const note = (data: unknown) => {
    lines.push(String(data));
  };
  const runner = createRunner({ log: { path: '', write: note, close: () => Promise.resolve() } as never });
  const context = {
    address: resource.address,
    paths: { scratch: join(directory, 'scratch') },
    progress: note,
    log: note,
    run: runner.run,
  } as unknown as ActionContext;
  const outputs = (await sourceKind({ sources: [wanted], cache }).create(resource.inputs, context)) as SourceOutputs;
  expect(JSON.stringify([resource, outputs])).not.toContain('hunter2');
  return { outputs, content: join(cache.tree(outputs.layers[0] as string), 'content'), log: lines.join('') };
}

async function failure(wanted: SourceRepository, revision?: string) {
  const error = await fetch(wanted, revision).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DibError)) throw error ?? new Error('it succeeded');
  expect(readdirSync(join(directory, 'cache/building'))).toEqual([]);
  expect(readdirSync(join(directory, 'scratch'))).toEqual([]);
  return error.diagnostics[0];
}

const head = (ref: string) => git('rev-parse', `${ref}^{commit}`);
const inContent = (content: string, ...argv: string[]) =>
  execFileSync('git', ['-C', content, ...argv], { encoding: 'utf8' }).trim();

test.each([
  ['main', 'main'],
  ['v1', 'v1'],
  ['refs/changes/01/1/1', 'refs/changes/01/1/1'],
  ['*', 'main'],
])('git: %s is looked up, and fetched with all branches and tags', async (ref, name) => {
  const { outputs, content } = await fetch(source({ ref }));
  expect(outputs.revision).toBe(head(name));
  expect(inContent(content, 'rev-parse', 'HEAD')).toBe(head(name));
  expect(inContent(content, 'branch', '--show-current')).toBe(`fetch_${ref === '*' ? 'HEAD' : ref}`);
  expect(inContent(content, 'tag')).toBe('v1');
  expect(inContent(content, 'branch', '--remotes').split(/\s+/)).toEqual(expect.arrayContaining(['origin/main', 'origin/side']));
  expect(inContent(content, 'status', '--porcelain')).toBe('');
  expect(inContent(content, 'remote', 'get-url', 'origin')).toBe(repository);
});

test('git: a commit, also abbreviated', async () => {
  const whole = head('v1');
  expect((await fetch(source({ ref: whole }))).outputs.revision).toBe(whole);
  const short = await fetch(source({ ref: whole.slice(0, 9) }));
  expect(short.outputs.revision).toBe(whole);
});

test('git: what was recorded stays, until somebody looks again; a known commit asks nobody', async () => {
  const before = await fetch(source({}));
  commit('four');
  const pinned = await fetch(source({}), before.outputs.revision);
  expect(pinned.outputs.key).toBe(before.outputs.key);
  expect(pinned.log).not.toContain('ls-remote');
  const after = await fetch(source({}));
  expect(after.outputs.revision).toBe(head('main'));
  expect(readFileSync(join(after.content, 'version'), 'utf8')).toBe('four\n');
});

test('git: a commit that no ref leads to any more is an error, with what to do', async () => {
  const lost = 'f'.repeat(40);
  expect(await failure(source({ ref: 'side' }), lost)).toMatchObject({
    code: 'DIB_SOURCE_REF',
    summary: `The source \`test\` has no commit \`${lost}\` any more`,
    help: 'Run `dib apply --upgrade` to take what `side` is now.',
  });
});

test('git: a ref that is not there', async () => {
  expect(await failure(source({ ref: 'mian' }))).toMatchObject({
    code: 'DIB_SOURCE_REF',
    summary: 'The source `test` has no `mian`',
    help: 'Did you mean `main`?',
    range: RANGE,
  });
  expect((await failure(source({ ref: 'master' })))?.help).toContain('this repository has `main`');
});

test('git: a location that cannot be reached, and its password in no message', async () => {
  const told = await failure(source({ location: 'http://me:hunter2@127.0.0.1:9/x.git' }));
  expect(told).toMatchObject({ code: 'DIB_SOURCE_FETCH', range: RANGE });
  expect(told?.summary).toContain('The source `test` could not be fetched: `git` failed with exit status 128');
  expect(JSON.stringify(told)).not.toContain('hunter2');
});

test('git over http: the password reaches the server, and neither the log nor the clone', async () => {
  const bare = join(served, 'repository.git');
  execFileSync('git', ['clone', '--quiet', '--bare', repository, bare]);
  execFileSync('git', ['-C', bare, 'update-server-info']);
  const location = `${url.replace('//', '//me:hunter2@')}/private/repository.git`;
  const { outputs, content, log } = await fetch(source({ location }));
  expect(outputs.revision).toBe(head('main'));
  const basic = `Basic ${Buffer.from('me:hunter2').toString('base64')}`;
  expect(requests.filter(({ authorization }) => authorization === basic).length).toBeGreaterThan(0);
  expect(log).not.toContain('hunter2');
  expect(readFileSync(join(content, '.git/config'), 'utf8')).not.toContain('hunter2');
});

test.each([
  ['.', ['top-1.0']],
  ['*', ['readme', 'sub']],
  ['top-1.0/sub', ['tool']],
  ['top-*/sub', ['tool']],
])('tar: %s of a downloaded archive, owned by whoever builds', async (ref, names) => {
  for (const name of ['tools.tar.gz', 'tools.tar.xz']) {
    const { outputs, content } = await fetch(source({ type: 'tar', location: `${url}/${name}`, ref }));
    expect(readdirSync(content).sort()).toEqual(names);
    expect(lstatSync(join(content, names[0] as string)).uid).toBe(process.getuid?.());
    expect(outputs.revision).toBe(
      createHash('sha256')
        .update(readFileSync(join(served, name)))
        .digest('hex'),
    );
  }
});

test('tar: a directory that is not in it, and what is no archive', async () => {
  const location = `${url}/tools.tar.gz`;
  expect(await failure(source({ type: 'tar', location, ref: 'top-2.0' }))).toMatchObject({
    code: 'DIB_SOURCE_REF',
    detail: 'At its top are `top-1.0`.',
  });
  expect(await failure(source({ type: 'tar', location: `${url}/plain`, ref: '.' }))).toMatchObject({
    code: 'DIB_SOURCE_UNPACK',
    range: RANGE,
  });
});

test('file: downloads are checked, and remembered', async () => {
  const location = `${url.replace('//', '//me:hunter2@')}/private/plain?x=1`;
  const plain = source({ type: 'file', ref: '', location });
  const { outputs, content, log } = await fetch(plain);
  expect(readFileSync(content, 'utf8')).toBe('plain\n');
  expect(log).not.toContain('hunter2');
  const wrong = 'a'.repeat(64);
  expect(await failure({ ...plain, sha256: wrong })).toMatchObject({
    code: 'DIB_SOURCE_CHECKSUM',
    detail: `SHA-256: ${outputs.revision}; expected: ${wrong}.`,
  });
  expect(await failure(plain, wrong)).toMatchObject({
    code: 'DIB_SOURCE_CHANGED',
    help: 'Run `dib apply --upgrade` to take what is there now.',
  });
  const asked = requests.length;
  expect((await fetch({ ...plain, sha256: outputs.revision })).outputs.key).toBe(outputs.key);
  expect(requests.length).toBe(asked);
  expect(await failure(source({ type: 'file', ref: '', location: `${url}/none` }))).toMatchObject({
    code: 'DIB_SOURCE_FETCH',
    summary: 'The source `test` could not be fetched: `curl` failed with exit status 22',
  });
});

test('builds at the same time fetch once', async () => {
  const wanted = source({ name: 'twice', type: 'file', ref: '', location: `${url}/top-1.0/readme` });
  const before = requests.length;
  const outcomes = await Promise.all([fetch(wanted), fetch(wanted)]);
  expect(new Set(outcomes.map(({ outputs }) => outputs.key)).size).toBe(1);
  expect(requests.length - before).toBe(1);
  expect(cache.list().filter(({ base }) => base === sourceIdentity(wanted))).toHaveLength(1);
});

/** A tree with `/etc` and whatever else a test puts there. */
function makeRoot(): string {
  const root = mkdtempSync(join(directory, 'root-'));
  for (const name of ['etc', 'usr/lib']) mkdirSync(join(root, name), { recursive: true });
  symlinkSync('usr/lib', join(root, 'lib'));
  return root;
}

async function place(root: string, wanted: readonly SourceRepository[]): Promise<void> {
  const fetched = new Map<string, SourceOutputs>();
  for (const each of wanted) fetched.set(`source.${each.name}`, (await fetch(each)).outputs);
  placeSources({
    set: { sources: wanted, environment: {} } as unknown as ElementSet,
    imageName: 'web',
    cache: cache.directory,
    root,
    outputs: (address) => fetched.get(address) as SourceOutputs,
    address: 'layer.pre-install',
  });
}

test('sources are placed, listed, and never through a link out of the tree', async () => {
  const root = makeRoot();
  const outside = mkdtempSync(join(directory, 'outside-'));
  symlinkSync(outside, join(root, 'opt'));
  mkdirSync(join(root, outside), { recursive: true });
  const file = source({ name: 'plain', type: 'file', ref: '', location: join(served, 'plain'), destinations: ['/lib/a/plain'] });
  await place(root, [
    source({}),
    file,
    source({ name: 'tools', type: 'tar', ref: '*', location: join(served, 'tools.tar.gz'), destinations: ['/lib'] }),
  ]);
  expect(readdirSync(outside)).toEqual([]);
  expect(readFileSync(join(root, outside, 'test/version'), 'utf8')).toBe('four\n');
  expect(lstatSync(join(root, 'lib')).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(root, 'usr/lib/a/plain'), 'utf8')).toBe('plain\n');
  expect(lstatSync(join(root, 'usr/lib/sub/tool')).mode & 0o777).toBe(0o755);
  expect(readFileSync(join(root, 'etc/dib-source-repositories'), 'utf8')).toBe('/opt/test\n/lib/a/plain\n/lib\n');
  const manifest = readFileSync(join(root, 'etc/dib-manifests/dib-manifest-git-web'), 'utf8');
  expect(manifest).toBe(`test git /opt/test ${repository} ${head('main')}\n`);
});

test('what stands in the way of a source is an error', async () => {
  const root = makeRoot();
  mkdirSync(join(root, 'opt/test'), { recursive: true });
  writeFileSync(join(root, 'opt/test/mine'), '');
  const told = await place(root, [source({})]).catch((error: unknown) => error);
  expect((told as DibError).diagnostics[0]).toMatchObject({
    code: 'DIB_SOURCE_DESTINATION',
    summary: 'The source `test` cannot be put at `/opt/test` of the image: something else is there',
    address: 'layer.pre-install',
    range: RANGE,
  });
});
