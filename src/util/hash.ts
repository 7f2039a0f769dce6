import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from './json.ts';

/** Lower-case hexadecimal SHA-256 of bytes or UTF-8 text. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** SHA-256 of the canonical JSON of a value: equal values have equal digests. */
export function jsonDigest(value: Json): string {
  return sha256(canonicalJson(value));
}
