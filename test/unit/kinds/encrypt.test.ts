import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { encrypt } from '../../../src/kinds/encrypt.ts';
import type { ActionContext } from '../../../src/kinds/kind.ts';

const top = mkdtempSync(join(tmpdir(), 'dib-encrypt-'));
const [work, disk, plain] = [join(top, 'work'), join(top, 'disk.raw'), join(top, 'work/vault.luks-plain')];
afterAll(() => rmSync(top, { recursive: true }));

const UUID = '6f1d2f2b-5c5e-4b0e-9b4f-0d3f3a3b7c11';
const inputs = { luks: 'luks.vault', device: 'partition.vault', header: { uuid: UUID } };
const partition = { file: disk, offset: 4096, length: 65536 };
const context = {
  address: 'encrypt.vault',
  paths: { work, scratch: top },
  outputs: (address: string) => (address === 'luks.vault' ? { size: 32768 } : partition),
} as unknown as ActionContext;

/** A disk with a LUKS2 header in its partition. */
function container(uuid: string): void {
  const bytes = Buffer.alloc(4096 + 65536);
  bytes.write('LUKS\xba\xbe\0\x02', 4096, 'latin1');
  bytes.write(uuid, 4096 + 168, 'latin1');
  writeFileSync(disk, bytes);
}

describe('encrypt.NAME after a run that was killed when all was done but the record of it', () => {
  beforeEach(() => {
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work);
  });
  const kind = encrypt({ secrets: { key: () => Promise.resolve(new Uint8Array(8)) } }, new Map());

  it('takes the container that is there', async () => {
    writeFileSync(plain, '');
    container(UUID);
    expect(await kind.create(inputs, context)).toEqual({ container: [partition], plain });
  });

  it('does not take another, nor one beside content that is not sealed in it', async () => {
    const missing = expect.objectContaining({ diagnostics: [expect.objectContaining({ code: 'DIB_LUKS_CONTENT_MISSING' })] });
    writeFileSync(plain, '');
    container('6f1d2f2b-5c5e-4b0e-9b4f-000000000000');
    await expect(kind.create(inputs, context)).rejects.toEqual(missing);
    rmSync(plain);
    container(UUID);
    await expect(kind.create(inputs, context)).rejects.toEqual(missing);
  });
});
