import { describe, expect, test } from 'vitest';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import { parseFrontEnd } from '../../../src/import/front-end.ts';

function read(text: string) {
  return parseFrontEnd(new SourceText('images.yaml', text));
}

function requests(text: string) {
  const { value, diagnostics } = read(text);
  if (value === undefined) throw new Error(JSON.stringify(diagnostics));
  return value.map(({ program, settings, elements, environment }) => ({
    program,
    options: settings.map(({ flag, value: option }) => (option === '' ? flag : `${flag}=${option}`)),
    elements,
    environment,
  }));
}

describe('the YAML front end', () => {
  test('entries of one image are merged: scalars replaced, lists appended, mappings updated', () => {
    const text = `
- imagename: web
  arch: aarch64
  image-size: 2
  types: [qcow2]
  elements: [vm, debian-minimal]
  environment: {DIB_RELEASE: bookworm, DIB_X: a}
- image-size: 3
  types: [raw]
  packages: [curl]
  elements: [openssh-server]
  environment: {DIB_X: b}
- imagename: ram
  ramdisk: true
  uncompressed: true
  qemu-img-options: {compat: '1.1', cluster_size: 2M}
  elements: [debian-minimal]`;
    expect(requests(text)).toEqual([
      {
        program: 'disk-image-create',
        options: ['-o=web', '-a=aarch64', '-t=qcow2', '--image-size=3', '-t=raw', '-p=curl'],
        elements: ['vm', 'debian-minimal', 'openssh-server'],
        environment: { DIB_RELEASE: 'bookworm', DIB_X: 'b' },
      },
      {
        program: 'ramdisk-image-create',
        options: ['-o=ram', '-u', '--qemu-img-options=compat=1.1,cluster_size=2M'],
        elements: ['debian-minimal'],
        environment: {},
      },
    ]);
  });

  test('options of qemu-img of several entries are one mapping', () => {
    const entry = (options: string) => `- {elements: [vm], qemu-img-options: {${options}}}\n`;
    const [image] = requests(entry("compat: '1.1', preallocation: off") + entry("preallocation: metadata, lazy_refcounts: 'on'"));
    expect(image?.options).toEqual(['-o=image', '--qemu-img-options=compat=1.1,preallocation=metadata,lazy_refcounts=on']);
  });

  test('a switch can be taken back', () => {
    const [image] = requests('- {elements: [vm], skip-base: true}\n- {skip-base: false}');
    expect(image?.options).toEqual(['-o=image']);
  });

  test.each([
    ['- elements: [vm]\n  image-siz: 3', '2:3 diskimage-builder knows no setting `image-siz`'],
    ['- elements: vm', '1:13 `elements` is a list of names'],
    ['- elements: [vm]\n  types: raw', '2:10 `types` must be a list of names'],
    ['- elements: [vm]\n  offline: 1', '2:12 `offline` must be `true` or `false`'],
    ['- elements: [vm]\n  ramdisk: 1', '2:12 `ramdisk` must be `true` or `false`'],
    ['- elements: [vm]\n  environment: {A: [1]}', '2:20 The variable `A` has no text as its value'],
    ['- just text', '1:3 An entry is a mapping of settings'],
    ['imagename: web', '1:1 The file is no list of images'],
    ['- imagename: web', '1:1 The image `web` names no elements'],
  ])('%j is refused', (text, message) => {
    const { value, diagnostics } = read(text);
    expect(value).toBeUndefined();
    expect(diagnostics.map(({ summary, range }) => `${range?.start.line}:${range?.start.column} ${summary}`)).toEqual([message]);
  });
});
