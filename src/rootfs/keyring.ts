/** Whether a file of keys is text (RFC 9580, section 6.2). */
export function isArmoured(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 64)).toString('latin1').trimStart().startsWith('-----BEGIN PGP ');
}

/** What is wrong with a file of public keys, as a clause; undefined: nothing. */
export function keyringFault(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 4096)).toString('latin1');
  if (head.includes('PRIVATE KEY BLOCK')) return 'it holds a private key';
  if (isArmoured(bytes)) return head.includes('PUBLIC KEY BLOCK') ? undefined : 'it holds no public key';
  if (head.slice(8, 12) === 'KBXf') return 'it is a keybox of GnuPG, which apt does not read';
  // The tag of a public-key packet in either form of header (RFC 9580, sections 4.2 and 5).
  const first = bytes[0] ?? 0;
  const tag = first & 0x40 ? first & 0x3f : (first & 0x3c) >> 2;
  return first & 0x80 && tag === 6 ? undefined : 'it does not begin with a public key';
}
