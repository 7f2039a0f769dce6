import type { Piece } from './disk-file.ts';
import type { BootloaderPlace } from './disk-inputs.ts';

/** GRUB's images do not look as expected, or do not fit. */
export class GrubImageError extends Error {
  readonly tooLarge: boolean;

  constructor(message: string, tooLarge = false) {
    super(message);
    this.name = 'GrubImageError';
    this.tooLarge = tooLarge;
  }
}

const SECTOR = 512;
/** boot.img: u64, sector of the core image. */
const KERNEL_SECTOR = 0x5c;
/** boot.img: a jump over the code that makes sure that DL names a hard disk; two NOPs put the check in force. */
const DRIVE_CHECK = 0x66;
const DRIVE_CHECK_JUMP = 'eb05';
const NOPS = Buffer.from('9090', 'hex');
const SIGNATURE = 0x1fe;
/** First sector of core.img: its only block list entry, {u64 sector, u16 sectors, u16 load segment}. */
const BLOCK_START = 0x1f4;
const BLOCK_SECTORS = 0x1fc;
const BLOCK_SEGMENT = 0x1fe;
/** 0x8200 / 16: the sectors after the first are loaded right behind it (0x8000 + 512). */
const LOAD_SEGMENT = 0x820;
/** Behind the boot code stand the disk signature and the partition table. */
const BOOT_CODE = 440;

/**
 * The bytes that make a disk start GRUB from the BIOS: 440 bytes of boot code, and the core image with the sector numbers of its place.
 * Disk signature and partition table are not touched. The same changes that grub-bios-setup makes for a hard disk (GRUB 2.02 to 2.12).
 */
export function embedGrub(boot: Buffer, core: Buffer, place: BootloaderPlace): Piece[] {
  checkBoot(boot);
  const sectors = checkCore(core);
  if (sectors > place.sectors) {
    throw new GrubImageError(`it needs ${sectors} sectors, there are ${place.sectors}`, true);
  }
  const code = Buffer.from(boot.subarray(0, BOOT_CODE));
  code.writeBigUInt64LE(BigInt(place.startSector), KERNEL_SECTOR);
  NOPS.copy(code, DRIVE_CHECK);
  const image = Buffer.alloc(sectors * SECTOR);
  core.copy(image);
  image.writeBigUInt64LE(BigInt(place.startSector + 1), BLOCK_START);
  return [
    { offset: 0, bytes: code },
    { offset: place.startSector * SECTOR, bytes: image },
  ];
}

function checkBoot(boot: Buffer): void {
  if (boot.length !== SECTOR) throw new GrubImageError(`boot.img has ${boot.length} bytes instead of ${SECTOR}`);
  expectField('boot.img', 'signature', boot.readUInt16BE(SIGNATURE), 0x55aa);
  expectField('boot.img', 'kernel sector', Number(boot.readBigUInt64LE(KERNEL_SECTOR)), 1);
  expectField('boot.img', 'drive check', boot.readUInt16BE(DRIVE_CHECK), Number.parseInt(DRIVE_CHECK_JUMP, 16));
}

function checkCore(core: Buffer): number {
  if (core.length < 2 * SECTOR) throw new GrubImageError(`core.img has only ${core.length} bytes`);
  const sectors = Math.ceil(core.length / SECTOR);
  expectField('core.img', 'block list sectors', core.readUInt16LE(BLOCK_SECTORS), sectors - 1);
  expectField('core.img', 'load segment', core.readUInt16LE(BLOCK_SEGMENT), LOAD_SEGMENT);
  return sectors;
}

function expectField(image: string, field: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new GrubImageError(`${field} of ${image} is 0x${found.toString(16)}, not 0x${expected.toString(16)}`);
}
