import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { BlockDevices } from '../../../src/blockdev/devices.ts';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import { importLayout } from '../../../src/import/block-device.ts';
import { devicesOf } from '../../unit/blockdev/support.ts';
import { trees } from '../blockdev/trees.ts';

/** What a configuration means, whatever the order and place of its nodes. */
function meaning(devices: BlockDevices): unknown {
  const plain = JSON.parse(JSON.stringify(devices, (key, value) => (/pointer/i.test(key) ? undefined : value))) as Record<
    string,
    unknown
  >;
  return Object.fromEntries(
    Object.entries(plain).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.map((item) => JSON.stringify(item)).sort() : value,
    ]),
  );
}

test('an imported layout means what it meant, in every notation', () => {
  fc.assert(
    fc.property(trees, ({ tree }) => {
      const text = stringify(tree);
      const { value } = importLayout(new SourceText('layout.yaml', text));
      expect(meaning(devicesOf(stringify(value?.list)))).toEqual(meaning(devicesOf(text)));
    }),
    { numRuns: 200 },
  );
});
