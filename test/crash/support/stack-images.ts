import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { TEST_ELEMENTS } from '../../support/elements.ts';
import { CRASH_ELEMENTS } from './images.ts';
import { ALL_STACKS } from './selection.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url));

export const PASSPHRASE = 'a passphrase of the test';

/** An example's disks under a tiny system. */
export interface StackImage {
  readonly name: string;
  /** Where it is made. */
  readonly worker: 'host' | 'vm';
  /** The text of image.yaml. */
  readonly text: string;
  /** Texts of files beside it. */
  readonly files: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  /** Outputs, one for each disk. */
  readonly outputs: readonly string[];
}

interface Shape {
  /** Killed by every `npm test`; the others with DIB_CRASH: selection.ts. */
  readonly always?: true;
  readonly worker?: 'vm';
  /** Sizes of the example and what they are here. What is not listed stays: xfs and btrfs need their room, a boot loader's partition is 1 MiB. */
  readonly sizes: Readonly<Record<string, string>>;
}

const SHAPES: Readonly<Record<string, Shape>> = {
  lvm: { always: true, sizes: { '3GiB': '136MiB', '64MiB': '16MiB', '1536MiB': '48MiB', '256MiB': '16MiB', '128MiB': '8MiB' } },
  luks: { sizes: { '2GiB': '96MiB', '64MiB': '16MiB', '256MiB': '16MiB', '1400MiB': '40MiB' } },
  'luks-lvm': { sizes: { '2GiB': '128MiB', '64MiB': '16MiB', '256MiB': '16MiB', '1500MiB': '72MiB' } },
  'multi-disk': { sizes: { '2GiB': '72MiB', '64MiB': '16MiB', '512MiB': '24MiB' } },
  'separate-partitions-mbr': { sizes: { '2GiB': '96MiB', '256MiB': '16MiB', '1400MiB': '40MiB', '64MiB': '8MiB' } },
  xfs: { always: true, worker: 'vm', sizes: { '2GiB': '336MiB', '64MiB': '16MiB' } },
  'btrfs-subvolumes': { worker: 'vm', sizes: { '2GiB': '160MiB', '64MiB': '16MiB' } },
  raid1: { worker: 'vm', sizes: { '2GiB': '64MiB' } },
  'lvm-thin': { worker: 'vm', sizes: { '3GiB': '160MiB', '256MiB': '16MiB', '2GiB': '48MiB', '4GiB': '256MiB' } },
};

/** Names of the examples whose disks are made as bytes in files. */
export const OFFLINE = namesOf((shape) => shape.worker === undefined);
/** Names of those that need a kernel: they are made in a virtual machine. */
export const IN_VM = namesOf((shape) => shape.worker === 'vm');

function namesOf(wanted: (shape: Shape) => boolean): readonly string[] {
  return Object.entries(SHAPES).flatMap(([name, shape]) =>
    wanted(shape) && (ALL_STACKS || shape.always === true) ? [name] : [],
  );
}

/** The block devices and outputs of examples/NAME on a tiny system. */
export function stackImage(name: string): StackImage {
  const shape = SHAPES[name];
  if (shape === undefined) throw new Error(`no shape for the example ${name}`);
  const example = parse(readFileSync(`${EXAMPLES}/${name}/image.yaml`, 'utf8')) as Record<string, unknown>;
  const outputs = example['outputs'] as readonly (string | { readonly disk: string })[];
  const image = {
    apiVersion: 'dib/v1',
    name,
    elements: ['tiny-system', 'slow'],
    elements_path: [CRASH_ELEMENTS, TEST_ELEMENTS],
    block_device: shrink(example['block_device'], shape.sizes),
    outputs,
  };
  return {
    name,
    worker: shape.worker ?? 'host',
    text: stringify(image),
    files: { passphrase: PASSPHRASE },
    environment: { ROOT_PASSPHRASE: PASSPHRASE },
    outputs: outputs.map((output) => (typeof output === 'string' ? `${name}.qcow2` : `${name}-${output.disk}.qcow2`)),
  };
}

/** Sizes replaced, and keys of LUKS containers made quickly. */
function shrink(value: unknown, sizes: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return sizes[value] ?? value;
  if (Array.isArray(value)) return value.map((each) => shrink(each, sizes));
  if (typeof value !== 'object' || value === null) return value;
  const changed = Object.entries(value).map(([key, each]): [string, unknown] => {
    const small = shrink(each, sizes);
    return [key, key === 'luks' ? { ...(small as object), iter_time: 100, pbkdf_memory: 32 } : small];
  });
  return Object.fromEntries(changed);
}
