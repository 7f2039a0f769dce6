import { dirname, join } from 'node:path';
import type { ImageConfig } from '../config/image.ts';
import { isSecretName } from '../config/secrets.ts';
import type { ElementSet } from '../elements/element.ts';

/** What elements may know of the disks: computed in the plan, before any device exists. */
export interface LayoutFacts {
  readonly rootLabel: string;
  readonly rootFstype: string;
  readonly rootUuid: string;
  readonly bootLabel?: string | undefined;
  readonly bootUuid?: string | undefined;
  readonly bootFstype?: string | undefined;
  readonly espUuid?: string | undefined;
  /** Partition table of the disk that holds GRUB's directory. */
  readonly partmap?: 'gpt' | 'msdos' | undefined;
  /** In mount order. */
  readonly mountPoints: readonly string[];
  /** What GRUB's tools would find out: lines as grubFilesystemsText writes them. */
  readonly grubFilesystems: string;
}

/** Variables of the builder that reach hooks although the image does not set them. */
export const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const;

/** Labels and types of the file systems, which every hook sees as under diskimage-builder. */
function layoutForAll(layout: LayoutFacts): Record<string, string> {
  return {
    DIB_ROOT_LABEL: layout.rootLabel,
    DIB_ROOT_FSTYPE: layout.rootFstype,
    FS_TYPE: layout.rootFstype,
    DIB_BOOT_LABEL: layout.bootLabel ?? '',
  };
}

/** What only the last layer sees, so that a change of the layout does not rebuild those below it. */
function layoutForLast(layout: LayoutFacts): Record<string, string> {
  const optional = {
    DIB_BOOT_UUID: layout.bootUuid,
    DIB_BOOT_FSTYPE: layout.bootFstype,
    DIB_ESP_UUID: layout.espUuid,
    DIB_PARTMAP: layout.partmap,
  };
  return {
    DIB_ROOT_UUID: layout.rootUuid,
    DIB_MOUNTPOINTS: layout.mountPoints.join('|'),
    DIB_GRUB_FILESYSTEMS: layout.grubFilesystems,
    ...Object.fromEntries(Object.entries(optional).filter((entry): entry is [string, string] => entry[1] !== undefined)),
  };
}

/**
 * The variables that decide what hooks do, without paths of this machine: part of a layer's key.
 * `environment`: those of the image's own that its hooks see; `last`: of layer.finalise. Names and meaning are diskimage-builder's, as far as it has them.
 */
export function hookVariables(
  set: ElementSet,
  image: ImageConfig,
  environment: Readonly<Record<string, string>>,
  layout: LayoutFacts | undefined,
  last: boolean,
): Record<string, string> {
  const known = ['DISTRO_NAME', 'DIB_RELEASE', 'ARCH'].flatMap((name) => {
    const value = set.environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(known),
    ...(layout === undefined ? {} : layoutForAll(layout)),
    ...(layout === undefined || !last ? {} : layoutForLast(layout)),
    ...environment,
    ...foreignMechanisms(set, image, last),
    IMAGE_NAME: image.name,
    IMAGE_TYPE: image.outputs[0]?.format ?? 'raw',
    IMAGE_ELEMENT: set.elements.map((element) => element.name).join(' '),
    DIB_IMAGE_HOSTNAME: image.name,
    DIB_ARGS: argumentsText(set, image),
  };
}

/**
 * What diskimage-builder tells every hook unless the caller said otherwise: hooks run with `set -u` and rely on these being set. The last
 * three its library reads, which the element `ramdisk` sources inside the image.
 */
const UPSTREAM_DEFAULTS: Readonly<Record<string, string>> = {
  COMPRESS_IMAGE: '1',
  DIB_CHECKSUM: '0',
  DIB_DEBUG_TRACE: '0',
  DIB_DEFAULT_INSTALLTYPE: 'source',
  DIB_MIN_TMPFS: '2',
  DIB_NO_TMPFS: '1',
  DIB_OFFLINE: '',
  DIB_PYTHON_EXEC: '/usr/bin/python3',
  DIB_MOUNTPOINTS: '',
  EXTRA_DETACH: '',
  EXTRA_UNMOUNT: '',
};

/** Stands for the disk, which does not exist yet while hooks run: grub-install (libexec/grub) does not look at it. */
const DISK = '/dev/dib-disk';

/** With `native_elements: false`: programs that elements install come before dib's own on PATH, and a boot loader finds a disk to name. */
function foreignMechanisms(set: ElementSet, image: ImageConfig, last: boolean): Record<string, string> {
  if (image.native_elements !== false) return {};
  const bootloader = set.elements.some(({ name, builtin }) => name === 'bootloader' && !builtin);
  return {
    DIB_NATIVE_ELEMENTS: '0',
    ...(last && bootloader ? { IMAGE_BLOCK_DEVICE: DISK, IMAGE_BLOCK_DEVICES: `[image0]=${DISK}` } : {}),
  };
}

/** Paths that hooks are told, as seen from where they run. */
export interface HookPaths {
  readonly hooks: string;
  readonly root: string;
  readonly build: string;
  /** For disk files of hooks: nothing reads it. */
  readonly image: string;
  readonly cache: string;
  /** Directory for files that hooks on the builder make for the user. */
  readonly extraOutputs: string;
  /** The builder's home directory, which hooks on the builder see. */
  readonly home: string;
  /** Directory of image.yaml. */
  readonly imageFile: string;
}

/**
 * All that one hook finds in its environment. What is added here to the variables of the key are paths of this machine, and what follows from the
 * image as the key has it.
 */
export function hookEnvironment(
  set: ElementSet,
  variables: Readonly<Record<string, string>>,
  paths: HookPaths,
  outside: boolean,
  proxies: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    ...proxies,
    ...UPSTREAM_DEFAULTS,
    TMP_IMAGE_PATH: join(paths.image, 'image0.raw'),
    ...variables,
    ...Object.fromEntries(Object.keys(set.inputFiles).map((name) => [name, `${paths.hooks}/.dib/inputs/${name}`])),
    DIB_ENV: declarations(set, variables),
    ELEMENTS_PATH: elementDirectories(set).join(':'),
    ...unexported(set, variables),
    IMAGE_ELEMENT_YAML: `{${set.elements.map((element) => `${JSON.stringify(element.name)}: ${JSON.stringify(element.directory)}`).join(', ')}}`,
    TMP_BUILD_DIR: paths.build,
    TMP_IMAGE_DIR: paths.image,
    TMP_HOOKS_PATH: paths.hooks,
    TMP_MOUNT_PATH: paths.root,
    DIB_IMAGE_CACHE: outside || set.caches.length === 0 ? join(paths.cache, ELEMENT_DOWNLOADS) : GUEST_CACHES,
    DIB_LOCKFILES: join(paths.cache, 'lockfiles'),
    ...(outside
      ? {
          TARGET_ROOT: paths.root,
          DIB_EXTRA_OUTPUTS: paths.extraOutputs,
          DIB_IMAGE_YAML_DIR: paths.imageFile,
          HOME: paths.home,
        }
      : {
          DEBIAN_FRONTEND: 'noninteractive',
          HOME: '/root',
          APT_CONFIG: `${paths.hooks}/.dib/guest/apt.conf`,
          PATH: `${paths.hooks}/.dib/guest:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
        }),
    LC_ALL: 'C',
  };
}

/** DIB_IMAGE_CACHE inside the image, where element.yaml asks for `caches`: below /run, so that nothing of it can stay in the tree. */
export const GUEST_CACHES = '/run/dib-cache';

/**
 * What scripts of diskimage-builder read under `set -u` although its present version no longer exports them: `lib/common-defaults`, which
 * the element `ramdisk` sources inside the image, and `iso`. Older versions did.
 */
function unexported(set: ElementSet, variables: Readonly<Record<string, string>>): Record<string, string> {
  const rootUuid = variables['DIB_ROOT_UUID'];
  return {
    _BASE_ELEMENT_DIR: elementDirectories(set).at(-1) ?? '',
    ...(rootUuid === undefined ? {} : { DIB_IMAGE_ROOT_FS_UUID: rootUuid }),
  };
}

/** Where the image's elements were found, those shipped with dib last. */
function elementDirectories(set: ElementSet): string[] {
  const ordered = [...set.elements].sort((a, b) => Number(a.builtin) - Number(b.builtin));
  return [...new Set(ordered.map((element) => dirname(element.directory)))];
}

/** Directory of the cache that hooks may use for their own downloads (DIB_IMAGE_CACHE of diskimage-builder). */
export const ELEMENT_DOWNLOADS = 'elements';

/** The image as diskimage-builder's arguments would say it. */
function argumentsText(set: ElementSet, image: ImageConfig): string {
  const arch = set.environment['ARCH'];
  const formats = image.outputs.map(({ format }) => format).join(',');
  return [
    ...(arch === undefined ? [] : ['-a', arch]),
    ...['-o', image.name],
    ...(formats === '' ? [] : ['-t', formats]),
    ...(image.packages.length === 0 ? [] : ['-p', image.packages.join(',')]),
    ...image.elements,
  ].join(' ');
}

/** The settings of the image as bash declares them (`declare -p`); those that are secret without their values. */
function declarations({ secretVariables }: ElementSet, variables: Readonly<Record<string, string>>): string {
  const isSecret = (name: string) => isSecretName(name) || secretVariables.includes(name);
  return Object.keys(variables)
    .filter((name) => name.startsWith('DIB_'))
    .sort()
    .map((name) => `declare -x ${name}=${isSecret(name) ? '"(sensitive)"' : inDoubleQuotes(variables[name] as string)}`)
    .join('\n');
}

function inDoubleQuotes(text: string): string {
  return `"${text.replace(/["$`\\]/g, '\\$&')}"`;
}

/** The variables as lines that a POSIX shell reads; single quotes keep everything but themselves. */
export function shellExports(environment: Readonly<Record<string, string>>): string {
  return Object.keys(environment)
    .filter((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    .sort()
    .map((name) => `export ${name}='${(environment[name] as string).replaceAll("'", `'\\''`)}'\n`)
    .join('');
}
