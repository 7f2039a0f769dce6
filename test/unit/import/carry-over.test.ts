import { describe, expect, test } from 'vitest';
import { carryOver } from '../../../src/import/carry-over.ts';
import { parseCommandLine } from '../../../src/import/command-line.ts';
import type { BuildRequest, UpstreamElements } from '../../../src/import/imported.ts';
import { writeImage } from '../../../src/import/write.ts';

const HERE = { from: '/work', to: '/work' };

function imported(
  line: string,
  environment: Record<string, string> = {},
  program: BuildRequest['program'] = 'disk-image-create',
  upstream?: UpstreamElements,
) {
  const { value, diagnostics } = parseCommandLine(line.split(' '));
  if (value === undefined) throw new Error(JSON.stringify(diagnostics));
  return carryOver({ program, ...value, environment, origin: [`${program} ${line}`] }, undefined, upstream);
}

/** image.yaml without its head. */
function text(line: string, environment: Record<string, string> = {}): string {
  return writeImage(imported(line, environment), HERE)
    .split('\n')
    .filter((each) => !each.startsWith('#'))
    .join('\n');
}

function notes(line: string, environment: Record<string, string> = {}): readonly string[] {
  return imported(line, environment).notes.map(({ summary }) => summary);
}

describe('what a build of diskimage-builder becomes', () => {
  test('a common one', () => {
    const environment = {
      DIB_RELEASE: 'bookworm',
      DIB_DEV_USER_USERNAME: 'ops',
      HOME: '/root',
      ELEMENTS_PATH: 'mine:/srv/elements',
    };
    expect(text('-a x86_64 -o web.qcow2 -t qcow2 -u -p curl,vim --image-size 3 -n vm debian-minimal devuser', environment)).toBe(
      `apiVersion: dib/v1
name: web
distro: {name: debian, release: bookworm, arch: amd64}
elements_path: [mine, /srv/elements]
skip_base: true
elements: [vm, devuser]
packages: [curl, vim]
environment:
  DIB_DEV_USER_USERNAME: ops
  DIB_IMAGE_SIZE: "3"
outputs: [{format: qcow2, compression: none}]
`,
    );
  });

  test('every option that has a variable', () => {
    const line =
      '--image-extra-size 100 --max-online-resize 1000 --mkfs-journal-size 128 --mkfs-options=-Ophony --root-label r --install-type package vm debian-minimal';
    expect(imported(line).environment).toEqual({
      DIB_IMAGE_EXTRA_SIZE: '100',
      MAX_ONLINE_RESIZE: '1000',
      DIB_JOURNAL_SIZE: '128',
      MKFS_OPTS: '-Ophony',
      ROOT_LABEL: 'r',
      DIB_DEFAULT_INSTALLTYPE: 'package',
    });
  });

  test('a release that moves becomes what it means, and is told', () => {
    expect(imported('vm debian-minimal').distro).toMatchObject({ name: 'debian', release: 'trixie' });
    expect(notes('vm debian-minimal')).toEqual(['The release `stable` became `trixie`, which it means today']);
  });

  test('mirror and components have their places', () => {
    const environment = {
      DIB_RELEASE: 'bookworm',
      DIB_DISTRIBUTION_MIRROR: 'http://mirror/debian',
      DIB_DEBIAN_COMPONENTS: 'main,contrib',
    };
    expect(imported('vm debian-minimal', environment)).toMatchObject({
      distro: { mirror: 'http://mirror/debian', components: ['main', 'contrib'] },
      environment: {},
    });
  });

  test('an element that brings its system stays, with its release and architecture', () => {
    const { distro, elements, environment } = imported('-a arm64 vm somebodys-os', { DIB_RELEASE: '9' });
    expect({ distro, elements, environment }).toEqual({
      distro: undefined,
      elements: ['vm', 'somebodys-os'],
      environment: { DIB_RELEASE: '9', ARCH: 'arm64' },
    });
  });

  test.each([
    ['-t raw,tar,tgz', ['raw', 'tar', { format: 'tar', path: 'image.tgz', compression: 'gzip' }]],
    [
      '-o out/web -t qcow2,raw',
      [
        { format: 'qcow2', path: 'out/web.qcow2' },
        { format: 'raw', path: 'out/web.raw' },
      ],
    ],
    ['--qemu-img-options compression_type=zlib', [{ format: 'qcow2', compression: 'zlib' }]],
    ['-t docker', ['raw']],
  ])('outputs of %s', (options, outputs) => {
    expect(imported(`${options} vm debian-minimal`).outputs).toEqual(
      outputs.map((output) => (typeof output === 'string' ? { format: output } : output)),
    );
  });

  test('paths move with image.yaml', () => {
    const image = imported('-o out/web vm debian-minimal', { ELEMENTS_PATH: 'mine' });
    const moved = writeImage(image, { from: '/work', to: '/work/sub' });
    expect(moved).toContain('path: /work/out/web.qcow2');
    expect(moved).toContain('elements_path: [/work/mine]');
    expect(writeImage(image, { from: '/work', to: '/work' })).toContain('path: out/web.qcow2');
  });

  test('ramdisk-image-create: its element first, kernel and initramfs as outputs, no disk, archives all the same', () => {
    const line = '--ramdisk-element dracut-ramdisk -t qcow2,tar debian-minimal';
    const image = imported(line, { DIB_RELEASE: 'bookworm' }, 'ramdisk-image-create');
    expect(image).toMatchObject({
      elements: ['dracut-ramdisk', 'ramdisk-outputs'],
      packages: [],
      outputs: [{ format: 'tar' }],
      notes: [],
    });
    const usual = imported('-p wget,vim debian-minimal', { DIB_RELEASE: 'bookworm' }, 'ramdisk-image-create');
    expect(writeImage(usual, HERE)).toContain(
      `# ramdisk-outputs: NAME.kernel and NAME.initramfs are outputs, and no disk is made.
elements: [ramdisk, ramdisk-outputs]
# cpio, wget: hooks of the element ramdisk copy them.
packages: [wget, vim, cpio]
outputs: []
`,
    );
    // A system of somebody else's may well have them.
    expect(imported('somebodys-os', {}, 'ramdisk-image-create').packages).toEqual([]);
  });

  test('elements that only diskimage-builder has: its tree behind those of ELEMENTS_PATH', () => {
    const environment = { DIB_RELEASE: 'bookworm', ELEMENTS_PATH: 'mine' };
    const upstream = { tree: '/usr/lib/dib/elements', names: ['uboot', 'ilo'] };
    const image = imported('vm debian-minimal ilo uboot', environment, undefined, upstream);
    expect(image.notes.map(({ summary }) => summary)).toEqual([
      "The elements `uboot` and `ilo` come from diskimage-builder's own tree `/usr/lib/dib/elements`",
    ]);
    expect(writeImage(image, HERE)).toContain(
      `# diskimage-builder's own elements, for uboot, ilo.
elements_path: [mine, /usr/lib/dib/elements]
`,
    );
    const absent = imported('vm debian-minimal ilo', environment, undefined, { names: ['ilo'] });
    expect(absent.elementsPath).toEqual(['mine']);
    expect(absent.notes).toMatchObject([
      {
        summary: 'The element `ilo` is not shipped with dib, and no diskimage-builder was found that has more',
        help: expect.stringContaining('install `python3-diskimage-builder` (Debian)'),
      },
    ]);
  });
});

describe('what is left out is told', () => {
  const RELEASE = { DIB_RELEASE: 'bookworm' };
  test.each([
    ['-x', 'The option `-x` is left out: tracing belongs to one run, not to the image'],
    ['-c', 'The option `-c` is left out: it never worked: the program started itself again without its options'],
    ['--logfile l', 'The option `--logfile` is left out: dib keeps a log of every action in `.dib/logs`'],
    ['--checksum', 'The option `--checksum` is left out: dib always writes a `.sha256` beside every output; md5 is not made'],
    ['--docker-target a:b', 'The option `--docker-target` is left out: dib writes no images into a container engine'],
    ['--min-tmpfs 4', 'The option `--min-tmpfs` is left out: dib never builds in memory'],
    ['--offline', 'The option `--offline` is left out: what is built already is taken from the cache in any case'],
    ['-t vhd', 'The type `vhd` is left out: dib does not write it'],
    ['--qemu-img-options cluster_size=2M', 'The option `cluster_size=2M` of qemu-img is left out'],
    ['--image-size 512MiB', 'The image size `512MiB` was taken for 512 GiB'],
    ['-o bad!name', 'The name `bad!name` became `bad-name`: names have letters, digits, `.`, `_` and `-`'],
  ])('%s', (option, summary) => {
    expect(notes(`${option} vm debian-minimal`, RELEASE)).toEqual([summary]);
  });

  test('secrets are never written', () => {
    const image = imported('vm debian-minimal', { ...RELEASE, DIB_DEV_USER_PASSWORD: 'hunter2' });
    expect(writeImage(image, HERE)).not.toContain('hunter2');
    expect(image.notes.map(({ summary }) => summary)).toEqual([
      'The variable `DIB_DEV_USER_PASSWORD` is left out: its value is a secret',
    ]);
  });

  test('the head of the file says it too', () => {
    expect(writeImage(imported('--checksum vm debian-minimal', RELEASE), HERE)).toContain(
      `# Written by \`dib import\` from:
#   disk-image-create --checksum vm debian-minimal
#
# Not carried over as it was:
# - The option \`--checksum\` is left out: dib always writes a \`.sha256\` beside every output; md5 is not made.
#   Use \`sha256sum --check\`.
`,
    );
  });
});
