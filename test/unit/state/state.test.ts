import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DibError } from '../../../src/diagnostics/errors.ts';
import { describeHolder, lockState } from '../../../src/state/lock.ts';
import { requireStateOf } from '../../../src/state/ownership.ts';
import { findResource, type State } from '../../../src/state/state.ts';
import { openState, readState } from '../../../src/state/store.ts';
import * as transitions from '../../../src/state/transitions.ts';

let directory = '';
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'dib-state-')), '.dib');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true }));

const options = {
  dibVersion: '0.1.0',
  image: { file: 'image.yaml', name: 'web', sha256: 'aa' },
  host: { machineId: 'm', bootId: 'b' },
};
const intent = (address: string, dependsOn: string[] = []) => ({
  address,
  kind: address.split('.')[0] ?? '',
  name: address.split('.')[1] ?? '',
  inputs: { size: 1 },
  key: 'k',
  keyDocument: { kind: 'x', inputs: { size: 1 }, dependencies: {} },
  dependsOn,
});

async function failure(promise: Promise<unknown>): Promise<DibError> {
  return promise.then(
    () => expect.fail('expected a failure'),
    (error: DibError) => error,
  );
}

describe('state store', () => {
  it('writes nothing before the first change, then 0600 in 0700', async () => {
    const store = await openState(directory, options);
    expect(existsSync(directory)).toBe(false);
    expect(store.current.serial).toBe(0);
    await store.update((state) => transitions.recordIntent(state, intent('layer.a')));
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'state.json')).mode & 0o777).toBe(0o600);
    expect(store.current.serial).toBe(1);
  });

  it('reads back exactly what it wrote, and the file fits the published schema', async () => {
    const store = await openState(directory, options);
    const full = intent('local_loop.image0', ['layer.a']);
    await store.update((s) => transitions.recordIntent(s, full));
    await store.update((s) => transitions.recordMarker(s, full.address, { file: '/x', inode: 3 }));
    await store.update((s) => transitions.recordCreated(s, full, { file: '/x' }));
    await store.update((s) => transitions.recordAttaching(s, full.address, 'b'));
    await store.update((s) => transitions.recordMarker(s, full.address, { node: '/dev/loop7' }));
    await store.update((s) => transitions.recordAttached(s, full.address, { device: '/dev/loop7' }));
    await store.update((s) => transitions.recordIntent(s, intent('layer.a')));
    await store.update((s) => ({ ...transitions.setFacts(s, { mirrorDigest: 'dd' }), worker: 'host' }));
    expect(await readState(directory)).toEqual(store.current);
    const value = JSON.parse(readFileSync(join(directory, 'state.json'), 'utf8'));
    expect(value.resources[1].attachment).toEqual({
      status: 'attached',
      boot_id: 'b',
      marker: { node: '/dev/loop7' },
      outputs: { device: '/dev/loop7' },
    });
    const schema = JSON.parse(readFileSync('schemas/state.schema.json', 'utf8'));
    const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(schema);
    expect(validate(value), JSON.stringify(validate.errors)).toBe(true);
  });

  it('raises the serial only when something changed, and keeps lineage', async () => {
    const first = await openState(directory, options);
    await first.update((s) => transitions.recordIntent(s, intent('layer.a')));
    await first.update((s) => ({ ...s }));
    await first.update((s) => transitions.setFacts(s, {}));
    expect(first.current.serial).toBe(1);
    const second = await openState(directory, options);
    await second.update((s) => transitions.removeResource(s, 'layer.a'));
    expect(second.current).toMatchObject({ serial: 2, lineage: first.current.lineage, resources: [] });
  });

  it('keeps the state from before the run as a backup', async () => {
    const first = await openState(directory, options);
    await first.update((s) => transitions.recordIntent(s, intent('layer.a')));
    expect(readdirSync(directory)).toEqual(['state.json']);
    const before = readFileSync(join(directory, 'state.json'), 'utf8');
    const second = await openState(directory, options);
    await second.update((s) => transitions.recordIntent(s, intent('layer.b')));
    await second.update((s) => transitions.recordIntent(s, intent('layer.c')));
    expect(readFileSync(join(directory, 'state.json.backup'), 'utf8')).toBe(before);
    expect(statSync(join(directory, 'state.json.backup')).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).sort()).toEqual(['state.json', 'state.json.backup']);
  });

  it('does changes one after another', async () => {
    const store = await openState(directory, options);
    const addresses = Array.from({ length: 20 }, (_, index) => `layer.n${index}`);
    await Promise.all(addresses.map((address) => store.update((s) => transitions.recordIntent(s, intent(address)))));
    expect(store.current.serial).toBe(20);
    expect((await readState(directory))?.resources.map((resource) => resource.address)).toEqual(addresses.sort());
  });

  it('stays as it was when it cannot be written, and goes on afterwards', async () => {
    const store = await openState(directory, options);
    writeFileSync(directory, 'a file in the way');
    const error = await failure(store.update((s) => transitions.recordIntent(s, intent('layer.a'))));
    expect(error.diagnostics[0]?.code).toBe('DIB_STATE_WRITE');
    expect(store.current.resources).toEqual([]);
    rmSync(directory);
    await store.update((s) => transitions.recordIntent(s, intent('layer.a')));
    expect(store.current.serial).toBe(1);
  });
});

describe('a state that cannot be trusted', () => {
  const cases: [string, string, string, string][] = [
    ['half a file', '{"format": "dib.st', 'DIB_STATE_CORRUPT', 'is damaged'],
    ['an empty file', '', 'DIB_STATE_CORRUPT', 'is damaged'],
    ['missing members', '{"format": "dib.state", "format_version": "1.0"}', 'DIB_STATE_CORRUPT', 'is damaged'],
    ["another program's", '{"version": 4, "terraform_version": "1.9"}', 'DIB_STATE_FOREIGN', 'is not a state of dib'],
    ['a list', '[]', 'DIB_STATE_FOREIGN', 'is not a state of dib'],
    [
      'a later format',
      '{"format": "dib.state", "format_version": "2.0"}',
      'DIB_STATE_NEWER',
      'has format `2.0`; this dib knows 1.0',
    ],
  ];
  it.each(cases)('refuses %s and leaves it alone', async (_name, text, code, summary) => {
    mkdirSync(directory);
    const path = join(directory, 'state.json');
    writeFileSync(path, text);
    const error = await failure(openState(directory, options));
    expect(error.diagnostics[0]?.code).toBe(code);
    expect(error.diagnostics[0]?.summary).toBe(`\`${path}\` ${summary}`);
    expect(error.diagnostics[0]?.help).not.toBe('');
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('is one of an image file that is still there', async () => {
    const root = join(directory, '..');
    const state = { image: { ...options.image, file: 'web.yaml' }, resources: [{}] } as unknown as State;
    await requireStateOf(state, join(root, 'db.yaml'), '.dib');
    writeFileSync(join(root, 'web.yaml'), '');
    await requireStateOf(state, join(root, 'web.yaml'), '.dib');
    const error = await failure(requireStateOf(state, join(root, 'db.yaml'), '.dib'));
    expect(error.diagnostics[0]).toMatchObject({
      code: 'DIB_STATE_OTHER_IMAGE',
      summary: 'The state in `.dib` belongs to `web.yaml`, not to `db.yaml`',
      help: 'Give each image its own, such as `--state-dir .dib-db`.',
    });
  });
});

describe('transitions', () => {
  const base: State = {
    lineage: 'l',
    serial: 1,
    worker: null,
    facts: {},
    resources: [],
    dibVersion: '0',
    image: options.image,
    host: options.host,
  };

  it('goes from intent to created, destroying and gone', () => {
    const creating = transitions.recordIntent(base, intent('a.a'));
    expect(findResource(creating, 'a.a')).toEqual({ ...intent('a.a'), status: 'creating', outputs: {} });
    expect(findResource(transitions.recordTainted(creating, 'a.a'), 'a.a')?.status).toBe('tainted');
    const created = transitions.recordCreated(creating, { ...intent('a.a'), key: 'later' }, { x: 1 });
    expect(findResource(created, 'a.a')).toMatchObject({ status: 'created', outputs: { x: 1 }, key: 'later' });
    expect(findResource(transitions.recordDestroying(created, 'a.a'), 'a.a')?.status).toBe('destroying');
    expect(transitions.removeResource(created, 'a.a')).toEqual(base);
    expect(base.resources).toEqual([]);
  });

  it('goes from attaching to attached, detaching and detached', () => {
    const created = transitions.recordCreated(base, intent('a.a'), {});
    const attached = transitions.recordAttached(transitions.recordAttaching(created, 'a.a', 'b'), 'a.a', { device: 'd' });
    expect(findResource(attached, 'a.a')?.attachment).toEqual({ status: 'attached', bootId: 'b', outputs: { device: 'd' } });
    const detaching = transitions.recordDetaching(attached, 'a.a');
    expect(findResource(detaching, 'a.a')?.attachment?.status).toBe('detaching');
    expect(transitions.recordDetached(detaching, 'a.a')).toEqual(created);
  });
});

describe('state lock', () => {
  it('names the holder and gives exit status 75', async () => {
    const lock = await lockState(directory, { operation: 'apply', now: () => new Date('2026-01-01T00:00:00Z') });
    const error = await failure(lockState(directory, { operation: 'destroy', now: () => new Date('2026-01-01T00:05:00Z') }));
    expect(error.exitCode).toBe(75);
    expect(error.diagnostics[0]?.code).toBe('DIB_STATE_LOCKED');
    expect(error.diagnostics[0]?.summary).toBe(`The state in \`${directory}\` is locked`);
    expect(error.diagnostics[0]?.detail).toMatch(
      new RegExp(`^dib apply of \\S+@\\S+, process ${process.pid}, since 2026-01-01 00:00:00Z \\(5 minutes\\) holds it; `),
    );
    expect(statSync(join(directory, 'state.lock.info')).mode & 0o777).toBe(0o600);
    await lock.release();
    await (await lockState(directory, { operation: 'destroy' })).release();
    expect(readdirSync(directory)).toEqual(['state.lock']);
  });

  it('waits as long as told, and says for whom', async () => {
    const first = await lockState(directory, { operation: 'apply' });
    const messages: string[] = [];
    const second = await lockState(directory, {
      operation: 'plan',
      timeout: 60_000,
      onWait: (message) => {
        messages.push(message);
        void first.release();
      },
    });
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(/^Waiting for the state lock, held by dib apply of /);
    await second.release();
  });

  it('does without a holder that left no word', () => {
    expect(describeHolder(undefined, new Date())).toBe('another process');
  });
});
