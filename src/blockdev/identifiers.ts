import { v5 } from 'uuid';

/** Namespace (RFC 9562) of every identifier that dib derives. Changing it changes every image. */
const NAMESPACE = '6f1b8a5e-3c0d-5b0e-9d1c-2a54f5c9d3b7';

/**
 * Identifiers follow from the image's name and the address of what they name, so that a plan knows them and two builds are equal.
 * Lower case, as in /etc/fstab and /dev/disk/by-uuid.
 */
export function deterministicUuid(imageName: string, address: string): string {
  return v5(`${imageName}/${address}`, NAMESPACE);
}

/** Identifier of a physical volume, volume group or logical volume: 32 characters of [0-9A-Za-z], which LVM shows with dashes in it. */
export function lvmId(imageName: string, address: string): string {
  return deterministicUuid(imageName, address).replaceAll('-', '');
}

/** Identifier of a FAT file system: 32 bits as blkid shows them, such as `1A2B-3C4D`. */
export function volumeId(imageName: string, address: string): string {
  const digits = deterministicUuid(imageName, address).slice(0, 8).toUpperCase();
  return `${digits.slice(0, 4)}-${digits.slice(4)}`;
}

/** Signature of an MBR, as sfdisk shows it: `0x1a2b3c4d`. Never zero, which means none. */
export function diskSignature(imageName: string, address: string): string {
  const digits = deterministicUuid(imageName, address).slice(0, 8);
  return digits === '00000000' ? '0x00000001' : `0x${digits}`;
}

/** PARTUUID of an MBR partition as the kernel derives it: signature, number in two hexadecimal digits. */
export function mbrPartitionUuid(signature: string, number: number): string {
  return `${signature.slice(2)}-${number.toString(16).padStart(2, '0')}`;
}
