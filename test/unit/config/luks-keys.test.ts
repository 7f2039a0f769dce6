import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKey, type KeyOwner, keyFingerprint, keyFingerprints } from '../../../src/config/luks-keys.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync('/var/tmp/dib-luks-keys-');
  writeFileSync(join(directory, 'good'), Buffer.from([0, 255, 10, 13, 1]), { mode: 0o600 });
  writeFileSync(join(directory, 'line'), 'correct horse\n', { mode: 0o600 });
  writeFileSync(join(directory, 'empty'), '', { mode: 0o600 });
  writeFileSync(join(directory, 'open'), 'secret', { mode: 0o600 });
  chmodSync(join(directory, 'open'), 0o644);
  writeFileSync(join(directory, 'long'), Buffer.alloc(8 * 1024 * 1024 + 1, 1), { mode: 0o600 });
  writeFileSync(join(directory, 'longest'), Buffer.alloc(8 * 1024 * 1024, 1), { mode: 0o600 });
  mkdirSync(join(directory, 'folder'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const file = (path: string): KeyOwner => ({ name: 'crypt', key: { from: 'file', path } });
const env: KeyOwner = { name: 'crypt', key: { from: 'env', name: 'UNLOCK' } };
const prompt: KeyOwner = { name: 'crypt', key: { from: 'prompt' } };

describe('a key file', () => {
  it('is taken byte for byte', async () => {
    const found = await findKey(file('good'), directory);
    expect(found).toEqual({ bytes: Buffer.from([0, 255, 10, 13, 1]), diagnostics: [] });
    expect((await findKey(file('longest'), directory)).bytes?.length).toBe(8 * 1024 * 1024);
  });

  it.each([
    ['missing', 'DIB_LUKS_KEY_MISSING', /^The key file `.*missing` of `luks.crypt` does not exist$/],
    ['good/inside', 'DIB_LUKS_KEY_MISSING', /does not exist$/],
    ['folder', 'DIB_LUKS_KEY_MISSING', /is not a file$/],
    ['empty', 'DIB_LUKS_KEY_EMPTY', /^The key file `.*` with the key of `luks.crypt` is empty$/],
    ['long', 'DIB_LUKS_KEY_TOO_LONG', /is longer than 8 MiB$/],
  ])('%s is refused', async (path, code, summary) => {
    const { bytes, diagnostics } = await findKey(file(path), directory);
    expect(bytes).toBeUndefined();
    expect(diagnostics).toEqual([
      expect.objectContaining({ code, severity: 'error', summary: expect.stringMatching(summary), address: 'luks.crypt' }),
    ]);
  });

  it.each([
    ['open', 'DIB_LUKS_KEY_READABLE', /can be read by other users of this machine$/],
    ['line', 'DIB_LUKS_KEY_NEWLINE', /ends with a line feed, which is part of the key$/],
  ])('%s is taken with a warning', async (path, code, summary) => {
    const { bytes, diagnostics } = await findKey(file(path), directory);
    expect(bytes).toBeDefined();
    expect(diagnostics).toEqual([
      expect.objectContaining({ code, severity: 'warning', summary: expect.stringMatching(summary) }),
    ]);
  });
});

it('a variable is a passphrase; one that is not set is refused', async () => {
  expect(await findKey(env, directory, { UNLOCK: 'pässword' })).toEqual({ bytes: Buffer.from('pässword'), diagnostics: [] });
  expect((await findKey(env, directory, {})).diagnostics).toEqual([
    expect.objectContaining({ code: 'DIB_LUKS_KEY_UNSET', severity: 'error' }),
  ]);
  expect((await findKey(env, directory, { UNLOCK: '' })).diagnostics).toEqual([
    expect.objectContaining({ code: 'DIB_LUKS_KEY_EMPTY' }),
  ]);
});

describe('fingerprints', () => {
  it('tell keys apart without showing them', () => {
    const one = keyFingerprint(env, Buffer.from('one'));
    expect(one).toMatch(/^\(sensitive [0-9a-f]{32}\)$/);
    expect(keyFingerprint(env, Buffer.from('one'))).toBe(one);
    expect(keyFingerprint(env, Buffer.from('two'))).not.toBe(one);
    expect(keyFingerprint({ ...env, name: 'other' }, Buffer.from('one'))).not.toBe(one);
    expect(keyFingerprint(file('x'), Buffer.from([0xe4]))).not.toBe(keyFingerprint(file('x'), Buffer.from([0xc3, 0xa4])));
  });

  it('are remembered where the key is not at hand, and what is wrong is a warning', async () => {
    const earlier = { crypt: '(sensitive 00)' };
    const { fingerprints, warnings } = await keyFingerprints([file('missing')], directory, earlier);
    expect(fingerprints).toEqual(earlier);
    expect(warnings).toEqual([expect.objectContaining({ code: 'DIB_LUKS_KEY_MISSING', severity: 'warning' })]);
    expect((await keyFingerprints([file('missing')], directory, {})).fingerprints).toEqual({});
  });

  it('of what is typed are all the same, and of no other kind', async () => {
    expect((await keyFingerprints([prompt], directory, {})).fingerprints).toEqual({ crypt: 'prompt' });
    expect((await keyFingerprints([file('missing')], directory, { crypt: 'prompt' })).fingerprints).toEqual({});
  });
});
