import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadImage, parseImage } from '../../../src/config/load.ts';
import { nativeDistroDiagnostics } from '../../../src/config/native-distro.ts';
import { debianArchitecture } from '../../../src/distros/architectures.ts';
import { sha256 } from '../../../src/util/hash.ts';
import { HEAD } from './wrong-documents.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'dib-load-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function write(name: string, content: string | Uint8Array): string {
  const file = path.join(directory, name);
  writeFileSync(file, content);
  return file;
}

async function failure(file: string) {
  const { value, diagnostics } = await loadImage(file, 'amd64');
  expect(value).toBeUndefined();
  expect(diagnostics).toHaveLength(1);
  return diagnostics[0];
}

describe('loadImage', () => {
  test('an image with everything that it says', async () => {
    const text = `# comment
apiVersion: dib/v1
name: web
distro: { name: debian, release: trixie, arch: arm64, variant: apt, components: [main, contrib] }
elements: [vm, ./elements/motd]
elements_path: [../common]
packages: [curl]
environment: { MODE: 0755, FLAG: True, VERSION: 1.10, TEXT: 'x', MANY: .inf, TAGGED: !!str 010, SAME: &a 0644, AGAIN: *a }
block_device:
  - local_loop: { name: image0, size: 4GiB }
outputs:
  - qcow2
  - { format: raw, path: out/web.raw }
  - { format: tar, compression: zstd }
  - { format: raw, disk: data }
`;
    const file = write('full.yaml', text);
    const { value, diagnostics } = await loadImage(file, 'amd64');
    expect(diagnostics).toEqual([]);
    expect(value).toMatchObject({ file, directory, text, sha256: sha256(text) });
    expect(value?.config).toEqual({
      apiVersion: 'dib/v1',
      name: 'web',
      distro: {
        name: 'debian',
        release: 'trixie',
        arch: 'arm64',
        mirror: undefined,
        security_mirror: undefined,
        components: ['main', 'contrib'],
        variant: 'apt',
      },
      elements: ['vm', './elements/motd'],
      elements_path: ['../common'],
      skip_base: false,
      packages: ['curl'],
      environment: {
        MODE: '0755',
        FLAG: 'True',
        VERSION: '1.10',
        TEXT: 'x',
        MANY: '.inf',
        TAGGED: '010',
        SAME: '0644',
        AGAIN: '0644',
      },
      block_device: [{ local_loop: { name: 'image0', size: '4GiB' } }],
      outputs: [
        { format: 'qcow2', path: 'web.qcow2', compression: 'zstd', disk: undefined, pointer: '/outputs/0' },
        { format: 'raw', path: 'out/web.raw', compression: 'none', disk: undefined, pointer: '/outputs/1' },
        { format: 'tar', path: 'web.tar.zst', compression: 'zstd', disk: undefined, pointer: '/outputs/2' },
        { format: 'raw', path: 'web-data.raw', compression: 'none', disk: 'data', pointer: '/outputs/3' },
      ],
    });
  });

  test('defaults', () => {
    const { value } = parseImage(`${HEAD}distro: { name: debian, release: bookworm }\n`, 'image.yaml', 'arm64');
    expect(value?.file).toBe(path.resolve('image.yaml'));
    expect(value?.config).toEqual({
      apiVersion: 'dib/v1',
      name: 'web',
      distro: {
        name: 'debian',
        release: 'bookworm',
        arch: 'arm64',
        mirror: undefined,
        security_mirror: undefined,
        components: ['main'],
        variant: 'minbase',
      },
      elements: [],
      elements_path: [],
      skip_base: false,
      packages: [],
      environment: {},
      block_device: undefined,
      outputs: [{ format: 'qcow2', path: 'web.qcow2', compression: 'zstd', disk: undefined, pointer: '/outputs/0' }],
    });
  });

  test('a bracket in the column of its key is accepted', () => {
    expect(parseImage(`${HEAD}elements: [\n  vm\n]\n`, 'image.yaml', 'amd64').value?.config.elements).toEqual(['vm']);
  });

  test('block devices are left to their own parser, with the source of each value', () => {
    const text = `${HEAD}block_device:\n- partitioning: { partitions: [{ type: 0700, size: 4 }, { type: '0700', zzz: &x [ 1 ] }] }\n- mkfs: *x\n`;
    const { value, diagnostics } = parseImage(text, 'image.yaml', 'amd64');
    expect(diagnostics).toEqual([]);
    const partition = '/block_device/0/partitioning/partitions';
    expect(value?.sourceText(`${partition}/0/type`)).toBe('0700');
    expect(value?.sourceText(`${partition}/1/type`)).toBe("'0700'");
    expect(value?.sourceText(`${partition}/1`)).toBe("{ type: '0700', zzz: &x [ 1 ] }");
    expect(value?.sourceText('/block_device/1/mkfs/0')).toBe('1');
    expect(value?.sourceText('/block_device/7')).toBeUndefined();
    expect(value?.locate(`${partition}/0/type`, 'key')).toMatchObject({ start: { line: 4, column: 34 }, end: { column: 38 } });
    expect(value?.locate('/block_device/1/mkfs')).toMatchObject({ start: { line: 5, column: 9 }, end: { column: 11 } });
    expect(value?.locate('/nowhere')).toBeUndefined();
  });

  test('a file that is not there, and what was meant', async () => {
    write('image.yaml', HEAD);
    expect(await failure(path.join(directory, 'imgae.yaml'))).toMatchObject({
      code: 'DIB_CONFIG_NOT_FOUND',
      summary: `There is no file \`${path.join(directory, 'imgae.yaml')}\``,
      help: `Did you mean \`${path.join(directory, 'image.yaml')}\`?`,
    });
    expect(await failure(path.join(directory, 'image.yaml', 'x'))).toMatchObject({ code: 'DIB_CONFIG_NOT_FOUND' });
    expect(await failure('a\0b')).toMatchObject({ summary: '`a\\0b` is not the name of a file' });
  });

  test('a directory', async () => {
    const inner = path.join(directory, 'inner');
    mkdirSync(inner);
    expect(await failure(inner)).toMatchObject({
      code: 'DIB_CONFIG_IS_DIRECTORY',
      summary: `\`${inner}\` is a directory`,
      help: 'Give the path of an image.yaml.',
    });
    writeFileSync(path.join(inner, 'image.yaml'), HEAD);
    expect((await failure(inner))?.help).toBe(`Write \`${path.join(inner, 'image.yaml')}\`.`);
  });

  test('a device', async () => {
    expect(await failure('/dev/null')).toMatchObject({ code: 'DIB_CONFIG_NOT_A_FILE' });
  });

  test('a file that is too large', async () => {
    expect(await failure(write('large.yaml', Buffer.alloc(1024 * 1024 + 1, '#')))).toMatchObject({
      code: 'DIB_CONFIG_TOO_LARGE',
      summary: expect.stringContaining('has 1048577 bytes; at most 1048576 are read'),
    });
  });

  test('bytes that are not UTF-8, with their place', async () => {
    const bytes = Buffer.concat([Buffer.from('# ü\nname: a'), Buffer.from([0xe9, 0x20]), Buffer.from('b\n')]);
    expect(await failure(write('latin.yaml', bytes))).toMatchObject({
      code: 'DIB_CONFIG_NOT_UTF8',
      summary: 'Byte 12 of the file is not UTF-8',
      range: { start: { line: 2, column: 8 } },
    });
    const cut = Buffer.concat([Buffer.from('name: a'), Buffer.from([0xe2, 0x82])]);
    expect(await failure(write('cut.yaml', cut))).toMatchObject({ code: 'DIB_CONFIG_NOT_UTF8' });
  });

  test('UTF-16', async () => {
    expect(await failure(write('utf16.yaml', Buffer.from('\ufeffname: a', 'utf16le')))).toMatchObject({
      summary: 'The file is UTF-16, not UTF-8',
      help: 'Convert it with `iconv -f UTF-16 -t UTF-8`.',
    });
  });

  test('Windows line ends and a byte order mark are read, and positions stay right', () => {
    const { diagnostics } = parseImage('\ufeffapiVersion: dib/v1\r\nname: web\r\nelement: []\r\n', 'image.yaml', 'amd64');
    expect(diagnostics.map(({ code, range }) => [code, range?.start.line, range?.start.column, range?.end.column])).toEqual([
      ['DIB_CONFIG_UNKNOWN_KEY', 3, 1, 8],
    ]);
  });
});

describe('distributions that an element may bring', () => {
  const text = `${HEAD}elements: [gentoo]\ndistro: { name: gentoo, release: f42 }\n`;
  test('are no error while the elements are not known, and one when none brings it', () => {
    const { value, diagnostics } = parseImage(text, 'image.yaml', 'amd64');
    expect(diagnostics).toEqual([]);
    expect(value && nativeDistroDiagnostics(value)).toMatchObject([
      {
        code: 'DIB_DISTRO_UNKNOWN',
        summary: 'The distribution `gentoo` is not known',
        range: { start: { line: 4, column: 17 } },
      },
    ]);
  });
});

test("this machine's architecture has Debian's name", () => {
  expect(['x64', 'arm64', 'arm', 'ia32', 'ppc64', 's390x', 'riscv64'].map((name) => debianArchitecture(name))).toEqual([
    'amd64',
    'arm64',
    'armhf',
    'i386',
    'ppc64el',
    's390x',
    'riscv64',
  ]);
});
