import { describe, expect, it } from 'vitest';
import type { BootloaderPlace } from '../../../src/kinds/disk-inputs.ts';
import { embedGrub } from '../../../src/kinds/grub-image.ts';

const PLACE: BootloaderPlace = { kind: 'bios-boot-partition', startSector: 2048, sectors: 4 };

function bootImage(): Buffer {
  const boot = Buffer.alloc(512, 0xcc);
  boot.writeBigUInt64LE(1n, 0x5c);
  boot.write('eb05', 0x66, 'hex');
  boot.write('55aa', 0x1fe, 'hex');
  return boot;
}

/** Of `bytes` length, with the block list that grub-mkimage writes. */
function coreImage(bytes: number): Buffer {
  const core = Buffer.alloc(bytes, 0xdd);
  core.writeBigUInt64LE(2n, 0x1f4);
  core.writeUInt16LE(Math.ceil(bytes / 512) - 1, 0x1fc);
  core.writeUInt16LE(0x820, 0x1fe);
  return core;
}

describe('embedGrub', () => {
  it('writes the sector numbers of the place and leaves everything else', () => {
    const [code, image] = embedGrub(bootImage(), coreImage(1500), PLACE);
    expect(code?.offset).toBe(0);
    expect(code?.bytes.length).toBe(440);
    const boot = Buffer.from(code?.bytes ?? []);
    expect(boot.readBigUInt64LE(0x5c)).toBe(2048n);
    expect(boot.subarray(0x66, 0x68).toString('hex')).toBe('9090');
    expect(boot[0x64]).toBe(0xcc);
    expect(image?.offset).toBe(2048 * 512);
    const core = Buffer.from(image?.bytes ?? []);
    expect(core.length).toBe(1536);
    expect(core.readBigUInt64LE(0x1f4)).toBe(2049n);
    expect(core.readUInt16LE(0x1fc)).toBe(2);
    expect(core.subarray(1500).every((byte) => byte === 0)).toBe(true);
  });

  it('refuses a core image that does not fit', () => {
    expect(() => embedGrub(bootImage(), coreImage(2049), PLACE)).toThrow('it needs 5 sectors, there are 4');
    expect(embedGrub(bootImage(), coreImage(2048), PLACE)).toHaveLength(2);
  });

  it('refuses images whose fields are not as expected', () => {
    const core = coreImage(1500);
    core.writeUInt16LE(9, 0x1fc);
    expect(() => embedGrub(bootImage(), core, PLACE)).toThrow('block list sectors of core.img is 0x9, not 0x2');
    const boot = bootImage();
    boot[0x66] = 0x90;
    expect(() => embedGrub(boot, coreImage(1500), PLACE)).toThrow('drive check of boot.img is 0x9005, not 0xeb05');
    expect(() => embedGrub(boot.subarray(1), coreImage(1500), PLACE)).toThrow('boot.img has 511 bytes instead of 512');
    expect(() => embedGrub(bootImage(), Buffer.alloc(600), PLACE)).toThrow('core.img has only 600 bytes');
  });
});
