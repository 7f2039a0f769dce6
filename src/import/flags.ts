/** What becomes of an option of disk-image-create. */
export type Fate =
  /** A variable that dib reads too. */
  | { readonly into: 'variable'; readonly name: string }
  /** A key of image.yaml, made in carry-over.ts. */
  | { readonly into: 'image' }
  /** It steers the builder, or means nothing here. */
  | { readonly into: 'nothing'; readonly why: string; readonly instead?: string };

export interface Flag {
  /** With its dashes; of options with a single letter only, that one. */
  readonly flag: string;
  readonly letter?: string;
  readonly takesValue: boolean;
  /** Key of the YAML front end; absent where it has none. */
  readonly key?: string;
  /** How the front end writes it: `true`/`false`, a number, a list, or a mapping. Text by default. */
  readonly type?: 'switch' | 'count' | 'list' | 'map';
  readonly fate: Fate;
}

const IMAGE: Fate = { into: 'image' };

function variable(name: string): Fate {
  return { into: 'variable', name };
}

function nothing(why: string, instead?: string): Fate {
  return instead === undefined ? { into: 'nothing', why } : { into: 'nothing', why, instead };
}

/**
 * Options of disk-image-create and ramdisk-image-create, with the keys of the `diskimage-builder` YAML front end that stand for them
 * (diskimage-builder, "Building An Image" and "Using diskimage-builder's YAML").
 */
export const FLAGS: readonly Flag[] = [
  { flag: '-a', letter: 'a', takesValue: true, key: 'arch', fate: IMAGE },
  { flag: '-o', letter: 'o', takesValue: true, key: 'imagename', fate: IMAGE },
  { flag: '-t', letter: 't', takesValue: true, key: 'types', type: 'list', fate: IMAGE },
  {
    flag: '-x',
    letter: 'x',
    takesValue: false,
    key: 'debug-trace',
    type: 'count',
    fate: nothing('tracing belongs to one run, not to the image', 'Run `DIB_DEBUG_TRACE=1 dib apply`.'),
  },
  { flag: '-u', letter: 'u', takesValue: false, key: 'uncompressed', type: 'switch', fate: IMAGE },
  {
    flag: '-c',
    letter: 'c',
    takesValue: false,
    key: 'clear',
    type: 'switch',
    fate: nothing(
      'it never worked: the program started itself again without its options',
      'Run `env --ignore-environment dib apply` with what the build needs.',
    ),
  },
  { flag: '-n', letter: 'n', takesValue: false, key: 'skip-base', type: 'switch', fate: IMAGE },
  { flag: '-p', letter: 'p', takesValue: true, key: 'packages', type: 'list', fate: IMAGE },
  {
    flag: '--logfile',
    takesValue: true,
    key: 'logfile',
    fate: nothing('dib keeps a log of every action in `.dib/logs`', 'For one file, redirect: `dib apply --json >build.ndjson`.'),
  },
  {
    flag: '--checksum',
    takesValue: false,
    key: 'checksum',
    type: 'switch',
    fate: nothing('dib always writes a `.sha256` beside every output; md5 is not made', 'Use `sha256sum --check`.'),
  },
  { flag: '--image-size', takesValue: true, key: 'image-size', fate: variable('DIB_IMAGE_SIZE') },
  { flag: '--image-extra-size', takesValue: true, key: 'image-extra-size', fate: variable('DIB_IMAGE_EXTRA_SIZE') },
  {
    flag: '--image-cache',
    takesValue: true,
    key: 'image-cache',
    fate: nothing('where the cache lies depends on the machine, not on the image', 'Set `DIB_IMAGE_CACHE` when you run dib.'),
  },
  { flag: '--max-online-resize', takesValue: true, key: 'max-online-resize', fate: variable('MAX_ONLINE_RESIZE') },
  { flag: '--mkfs-journal-size', takesValue: true, key: 'mkfs-journal-size', fate: variable('DIB_JOURNAL_SIZE') },
  { flag: '--mkfs-options', takesValue: true, key: 'mkfs-options', fate: variable('MKFS_OPTS') },
  { flag: '--min-tmpfs', takesValue: true, key: 'min-tmpfs', fate: nothing('dib never builds in memory') },
  { flag: '--no-tmpfs', takesValue: false, key: 'no-tmpfs', type: 'switch', fate: nothing('dib never builds in memory') },
  {
    flag: '--offline',
    takesValue: false,
    key: 'offline',
    type: 'switch',
    fate: nothing('what is built already is taken from the cache in any case', 'Run `dib plan` to see what a build would fetch.'),
  },
  { flag: '--qemu-img-options', takesValue: true, key: 'qemu-img-options', type: 'map', fate: IMAGE },
  { flag: '--root-label', takesValue: true, key: 'root-label', fate: variable('ROOT_LABEL') },
  { flag: '--ramdisk-element', takesValue: true, key: 'ramdisk-element', fate: IMAGE },
  { flag: '--install-type', takesValue: true, key: 'install-type', fate: variable('DIB_DEFAULT_INSTALLTYPE') },
  {
    flag: '--docker-target',
    takesValue: true,
    key: 'docker-target',
    fate: nothing('dib writes no images into a container engine', 'Add the output `tar` and run `docker import FILE NAME:TAG`.'),
  },
];

/** Long options that only print something. */
export const PRINTING: readonly string[] = ['--help', '--version'];
