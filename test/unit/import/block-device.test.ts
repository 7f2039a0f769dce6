import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import { importLayout } from '../../../src/import/block-device.ts';
import type { ImportedLayout } from '../../../src/import/imported.ts';
import { writeImage } from '../../../src/import/write.ts';

function layout(text: string): ImportedLayout {
  const { value, diagnostics } = importLayout(new SourceText('layout.yaml', text));
  if (value === undefined) throw new Error(JSON.stringify(diagnostics));
  return value;
}

const IMAGE = {
  name: 'i',
  elements: [],
  elementsPath: [],
  skipBase: false,
  packages: [],
  environment: {},
  outputs: [],
  comments: {},
  origin: [],
  notes: [],
};

const TREE = [
  { local_loop: { name: 'image0' } },
  {
    partitioning: {
      base: 'image0',
      label: 'mbr',
      partitions: [
        { name: 'root', size: '100%', mkfs: { type: 'ext4', mount: { mount_point: '/', fstab: { options: 'noatime' } } } },
      ],
    },
  },
];

describe('block-device configurations', () => {
  test('a flat one becomes a tree', () => {
    const flat = `
- fstab: {base: mount_mkfs_root, options: noatime}
- mount: {base: mkfs_root, mount_point: /}
- mkfs: {name: mkfs_root, base: root, type: ext4}
- local_loop: {name: image0}
- partitioning: {base: image0, label: mbr, partitions: [{name: root, size: 100%}]}`;
    expect(layout(flat).list).toEqual(TREE);
  });

  test('levels of pairs become a tree', () => {
    const levels = `[[["local_loop", {"name": "image0"}]],
 [["partitioning", {"base": "image0", "label": "mbr", "partitions": [{"name": "root", "size": "100%"}]}]],
 [["mkfs", {"base": "root", "type": "ext4"}]], [["mount", {"base": "mkfs_root", "mount_point": "/"}]],
 [["fstab", {"base": "mount_mkfs_root", "options": "noatime"}]]]`;
    expect(layout(levels).list).toEqual(TREE);
  });

  test('a tree keeps its text, with its comments', () => {
    const text = '# two disks\n- local_loop: {name: image0}\n- local_loop: {name: data} # bulk\n';
    const written = writeImage({ ...IMAGE, blockDevice: layout(text) }, { from: '/', to: '/' });
    expect(written).toContain('# two disks');
    expect(written).toContain('# bulk');
    expect(parse(written).block_device).toEqual([{ local_loop: { name: 'image0' } }, { local_loop: { name: 'data' } }]);
  });

  test('a number whose text says more than its value keeps its text', () => {
    const flat =
      '- mkfs: {base: root, type: ext4}\n- partitioning: {base: d, label: gpt, partitions: [{name: root, type: 8e00, size: 100%}]}';
    expect(JSON.stringify(layout(flat).list)).toContain('"type":"8e00"');
  });

  test('two children of one kind, and circles, stay as they are', () => {
    const two = '- mkfs: {name: a, base: root, type: ext4}\n- mkfs: {name: b, base: root, type: xfs}\n- local_loop: {name: root}';
    expect(layout(two).list).toHaveLength(3);
    const circle = '- mkfs: {name: a, base: b}\n- mount: {name: b, base: a}';
    expect(() => JSON.stringify(layout(circle).list)).not.toThrow();
    expect(JSON.stringify(layout(circle).list)).toContain('"base"');
  });

  test.each([
    ['local_loop: {name: image0}', '1:1 A block-device configuration is a list of devices'],
    ['- {', '1:3 This `{` is never closed'],
  ])('%j is refused', (text, message) => {
    const { value, diagnostics } = importLayout(new SourceText('layout.yaml', text));
    expect(value).toBeUndefined();
    expect(diagnostics.map(({ summary, range }) => `${range?.start.line}:${range?.start.column} ${summary}`)).toEqual([message]);
  });
});
