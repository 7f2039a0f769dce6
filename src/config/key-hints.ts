/** Keys of other formats and programs, diskimage-builder's first, and what image.yaml has instead. By the pointer of their mapping. */
const HINTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': {
    imagename: 'Write `name`.',
    image_name: 'Write `name`.',
    arch: 'Write `distro: { arch: ... }`.',
    architecture: 'Write `distro: { arch: ... }`.',
    release: 'Write `distro: { release: ... }`.',
    mirror: 'Write `distro: { mirror: ... }`.',
    distribution: 'Write `distro`.',
    os: 'Write `distro`.',
    types: 'Write `outputs`.',
    type: 'Write `outputs`.',
    format: 'Write `outputs`.',
    formats: 'Write `outputs`.',
    env: 'Write `environment`.',
    variables: 'Write `environment`.',
    disk: 'Write `block_device`.',
    disks: 'Write `block_device`.',
    partitions: 'Write `block_device`.',
    version: 'Write `apiVersion`.',
    'image-size': 'Write the size of the disk: `block_device: [{ local_loop: { name: image0, size: 4GiB, ... } }]`.',
    size: 'Write the size of the disk: `block_device: [{ local_loop: { name: image0, size: 4GiB, ... } }]`.',
    '<<': 'YAML merge keys are not supported: write the values out.',
  },
  '/distro': {
    version: 'Write `release`.',
    suite: 'Write `release`.',
    codename: 'Write `release`.',
    architecture: 'Write `arch`.',
    id: 'Write `name`.',
  },
};

/** What to write instead of a key that image.yaml does not have. */
export function keyHint(pointer: string, key: string): string | undefined {
  const hints = Object.hasOwn(HINTS, pointer) ? HINTS[pointer] : undefined;
  return hints !== undefined && Object.hasOwn(hints, key) ? hints[key] : undefined;
}
