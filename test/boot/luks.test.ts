import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';

const PASSPHRASE = 'correct horse battery staple';

describe('examples/luks', () => {
  let example: BuiltImage;

  beforeAll(() => {
    example = buildImage(readExample('luks'), { environment: { ROOT_PASSPHRASE: PASSPHRASE }, quickToUnlock: true });
  });
  afterAll(() => example?.remove());

  it('boots with bios to a login prompt, once the passphrase was typed on the serial console', async () => {
    const { report, console } = await bootAndReport(example.disks, 'bios', { passphrase: PASSPHRASE });
    expect(console.match(/Please unlock disk root_crypt: /g)).toHaveLength(1);
    expect(report.mounts.map(({ target, source }) => [target, source]).sort()).toEqual([
      ['/', '/dev/mapper/root_crypt'],
      ['/boot', '/dev/vda3'],
      ['/boot/efi', '/dev/vda2'],
    ]);
    expect(report.containers).toMatchObject([{ path: '/dev/mapper/root_crypt', flags: ['discards'] }]);
    expectPromisesKept(report, example.promises, example.name);
  });

  it('keeps the passphrase out of state and logs', () => {
    const state = readFileSync(`${example.directory}/.dib/state.json`, 'utf8');
    expect(state).toContain('luks.root_crypt');
    expect(state).not.toContain(PASSPHRASE);
  });
});
