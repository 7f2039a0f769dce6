/** What dib encrypts a container with by itself, in files. All else is the kernel's. */
export interface FileCipher {
  readonly mode: 'xts' | 'cbc';
  /** How the initial value of a sector follows from its number: as dm-crypt names it (the kernel's Documentation, dm-crypt). */
  readonly iv: 'plain64' | 'essiv:sha256';
}

/** Of a cipher in the notation of cryptsetup(8): bits of a key. XTS takes two keys of equal length. */
const CIPHERS: readonly (FileCipher & { readonly name: string; readonly keySizes: readonly number[] })[] = [
  { name: 'aes-xts-plain64', mode: 'xts', iv: 'plain64', keySizes: [256, 512] },
  { name: 'aes-cbc-plain64', mode: 'cbc', iv: 'plain64', keySizes: [128, 192, 256] },
  { name: 'aes-cbc-essiv:sha256', mode: 'cbc', iv: 'essiv:sha256', keySizes: [128, 192, 256] },
];

/** How dib encrypts with a cipher, or undefined if only the kernel can. `keySize`: bits of the volume key. */
export function fileCipher(cipher: string, keySize: number): FileCipher | undefined {
  return CIPHERS.find(({ name, keySizes }) => name === cipher && keySizes.includes(keySize));
}
