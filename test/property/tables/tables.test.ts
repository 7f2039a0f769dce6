import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gptBytes } from '../../../src/blockdev/gpt.ts';
import { mbrBytes } from '../../../src/blockdev/mbr.ts';
import { GPT_TYPE_CODES } from '../../../src/blockdev/partition-types.ts';
import { trees } from '../blockdev/trees.ts';
import { expectedTable, layoutOf, partx, run, sfdisk, withDisk } from './disk-file.ts';

const of = (label: 'gpt' | 'mbr', sectorSize: 512 | 4096) =>
  trees.filter((tree) => tree.label === label && tree.sectorSize === sectorSize);

test.each(['gpt', 'mbr'] as const)('sfdisk reads a %s as it was planned', (label) => {
  fc.assert(
    fc.property(of(label, 512), ({ tree }) => {
      const layout = layoutOf(tree);
      withDisk(layout, (file) => {
        const { partitions, id, label: found, sectorsize } = sfdisk(file);
        expect({ label: found, id, sectorsize, partitions }).toEqual(expectedTable(layout, file));
      });
    }),
    { numRuns: 40 },
  );
});

test('sgdisk finds no problem with a gpt', () => {
  fc.assert(
    fc.property(of('gpt', 512), ({ tree }) => {
      const layout = layoutOf(tree);
      withDisk(layout, (file) => {
        const verdict = run('sgdisk', '--verify', file);
        expect(verdict).toContain('No problems found.');
        expect(verdict).not.toMatch(/Caution|Warning|Problem:/);
      });
    }),
    { numRuns: 25 },
  );
});

test('sgdisk places partitions as dib does', () => {
  fc.assert(
    fc.property(of('gpt', 512), ({ tree }) => {
      const layout = layoutOf(tree);
      withDisk(layout, (file) => {
        const wishes = layout.partitions.flatMap(({ number, length }) => [`--new=${number}:0:+${length / 1024 ** 2}M`]);
        // One call: each ends with a sync of the whole machine.
        run('sgdisk', '--clear', ...wishes, file);
        expect(sfdisk(file).partitions.map(({ start, size }) => [start, size])).toEqual(
          layout.partitions.map(({ startSector, sectors }) => [startSector, sectors]),
        );
      });
    }),
    { numRuns: 3 },
  );
});

test.each([
  ['gpt', 512],
  ['gpt', 4096],
  ['mbr', 512],
  ['mbr', 4096],
] as const)('partx reads a %s with %d-byte sectors as it was planned, logical partitions included', (label, sectorSize) => {
  fc.assert(
    fc.property(of(label, sectorSize), ({ tree }) => {
      const layout = layoutOf(tree);
      withDisk(layout, (file) => {
        const scale = sectorSize / 512;
        const expected = layout.partitions.map(({ number, startSector, sectors, uuid, name }) => ({
          number,
          start: startSector * scale,
          sectors: sectors * scale,
          uuid,
          name: label === 'gpt' ? name : '',
        }));
        // The extended partition is shown too, as the kernel shows it.
        const found = partx(file, sectorSize).filter(
          (entry) => !(layout.extended && entry.start === layout.extended.startSector * scale && entry.number < 5),
        );
        expect(found).toEqual(expected);
      });
    }),
    { numRuns: 25 },
  );
});

test.each(['gpt', 'mbr'] as const)('fdisk reads a %s with 4096-byte sectors', (label) => {
  fc.assert(
    fc.property(of(label, 4096), ({ tree }) => {
      const layout = layoutOf(tree);
      withDisk(layout, (file) => {
        const text = run('fdisk', '--sector-size', '4096', '--list', '--output', 'Device,Start,Sectors', file);
        const rows = text.split('\n').filter((line) => line.startsWith(file));
        expect(rows.map((row) => row.slice(file.length).trim().split(/\s+/).map(Number))).toEqual(
          expectedTable(layout, file).partitions.map(({ node, start, size }) => [Number(node.slice(file.length)), start, size]),
        );
        expect(text).toContain(`Disk identifier: ${label === 'gpt' ? layout.diskId?.toUpperCase() : layout.diskId}`);
      });
    }),
    { numRuns: 10 },
  );
});

test('the same layout gives the same bytes', () => {
  fc.assert(
    fc.property(trees, ({ tree }) => {
      const bytes = () => {
        const layout = layoutOf(tree);
        return layout.label === 'gpt' ? gptBytes(layout) : mbrBytes(layout);
      };
      expect(bytes()).toEqual(bytes());
    }),
    { numRuns: 20 },
  );
});

test("type codes are sgdisk's", () => {
  const codes = [...GPT_TYPE_CODES.keys()];
  const found = new Map<string, string>();
  for (let from = 0; from < codes.length; from += 100) {
    const group = codes.slice(from, from + 100);
    const tree = [
      {
        local_loop: {
          name: 'd',
          size: '256MiB',
          partitioning: {
            label: 'gpt',
            partitions: [{ name: 'a', size: '100%', mkfs: { type: 'ext4', mount: { mount_point: '/' } } }],
          },
        },
      },
    ];
    withDisk(layoutOf(tree), (file) => {
      run(
        'sgdisk',
        '--clear',
        ...group.flatMap((code, index) => [`--new=${index + 1}:0:+1M`, `--typecode=${index + 1}:${code}`]),
        file,
      );
      for (const [index, { type }] of sfdisk(file).partitions.entries()) found.set(group[index] as string, type.toUpperCase());
    });
  }
  expect(found).toEqual(GPT_TYPE_CODES);
});
