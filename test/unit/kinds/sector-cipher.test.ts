import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SingleSectors, sectorCipher } from '../../../src/kinds/sector-cipher.ts';

// What cryptsetup makes of the same bytes is compared in test/system/kinds/luks.test.ts.

const E = '2718281828459045235360287471352662497757247093699959574966967627';
const PI = '3141592653589793238462643383279502884197169399375105820974944592';
const COUNTING = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));

describe('AES-XTS', () => {
  // IEEE 1619-2007, annex B: the plain text counts from 00 to ff twice.
  it.each([
    [
      4,
      E.slice(0, 32) + PI.slice(0, 32),
      0,
      '27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c',
      'a282df920147beabe421ee5319d0568',
    ],
    [10, E + PI, 0xff, '1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b', '4f36ffda9fcea70b9c6e693e148c151'],
    [14, E + PI, 0xffffffffff, '64497e5a831e4a932c09be3e5393376daa599548b816031d224bbf50a818ed23', '5b0d59631c531f6a0a57b9'],
  ])('vector %d of the standard', (_, key, sector, start, end) => {
    const encrypted = sectorCipher('aes-xts-plain64', Buffer.from(key, 'hex'), 512).encrypt(COUNTING, sector * 512);
    const text = Buffer.from(encrypted).toString('hex');
    expect([text.slice(0, start.length), text.slice(-end.length)]).toEqual([start, end]);
  });

  it('gives for many sectors in one go what OpenSSL gives for each, at any place, also when it is called again with more or less', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(256, 512),
        fc.constantFrom(512, 4096),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2 ** 40 }), fc.integer({ min: 1, max: 9 })), { minLength: 1, maxLength: 4 }),
        (bits, sectorSize, calls) => {
          const key = randomBytes(bits / 8);
          const batched = sectorCipher('aes-xts-plain64', key, sectorSize);
          const single = new SingleSectors(`aes-${bits / 2}-xts`, key, sectorSize);
          for (const [first, count] of calls) {
            const plain = randomBytes(count * sectorSize);
            const position = first * sectorSize;
            expect(Buffer.from(batched.encrypt(plain, position)).equals(single.encrypt(plain, position))).toBe(true);
          }
        },
      ),
    );
  });

  it('leaves what it encrypts as it is, wherever that lies in memory', () => {
    const cipher = sectorCipher('aes-xts-plain64', Buffer.from(E + PI, 'hex'), 512);
    const odd = Buffer.concat([Buffer.alloc(3), COUNTING]).subarray(3);
    expect(Buffer.from(cipher.encrypt(odd, 512))).toEqual(Buffer.from(cipher.encrypt(COUNTING, 512)));
    expect(odd.equals(COUNTING)).toBe(true);
  });

  it('numbers sectors of 4096 bytes by 512 bytes', () => {
    const key = Buffer.from(E + PI, 'hex');
    const plain = randomBytes(4096);
    const number = Buffer.from('08000000000000000000000000000000', 'hex');
    const expected = createCipheriv('aes-256-xts', key, number).update(plain);
    expect(Buffer.from(sectorCipher('aes-xts-plain64', key, 4096).encrypt(plain, 4096))).toEqual(expected);
  });
});

describe('AES-CBC', () => {
  const key = Buffer.from(E, 'hex');
  const number = Buffer.from('02010000000000000000000000000000', 'hex');

  it('begins each sector with its number', () => {
    const expected = createCipheriv('aes-256-cbc', key, number).setAutoPadding(false).update(COUNTING);
    expect(Buffer.from(sectorCipher('aes-cbc-plain64', key, 512).encrypt(COUNTING, 0x102 * 512))).toEqual(expected);
  });

  it('or with its number encrypted with the digest of the key', () => {
    const essiv = createCipheriv('aes-256-ecb', createHash('sha256').update(key).digest(), null).update(number);
    const expected = createCipheriv('aes-256-cbc', key, essiv).setAutoPadding(false).update(COUNTING);
    expect(Buffer.from(sectorCipher('aes-cbc-essiv:sha256', key, 512).encrypt(COUNTING, 0x102 * 512))).toEqual(expected);
  });
});

it.each(['serpent-xts-plain64', 'aes-xts-plain', 'aes-xts-plain64be'])('does not encrypt with %s', (cipher) => {
  expect(() => sectorCipher(cipher, randomBytes(64), 512)).toThrow(`dib does not encrypt with ${cipher} and 512 bits`);
});
