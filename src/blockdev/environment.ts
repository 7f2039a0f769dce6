import type { Checked, Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { BlockDeviceDefaults } from './fields.ts';
import { GIB } from './sizes.ts';

/** Journal that diskimage-builder gives the root file system, in MiB. */
const DEFAULT_JOURNAL = '64';

export interface EnvironmentDefaults extends BlockDeviceDefaults {
  /** DIB_BLOCK_SIZE, for parseBlockDevices. */
  readonly blockSize?: number | undefined;
  /** DIB_IMAGE_EXTRA_SIZE in bytes, for resolveSizes. */
  readonly extraSize?: number | undefined;
}

/**
 * What diskimage-builder's variables say about block devices: FS_TYPE, ROOT_LABEL, MKFS_OPTS, DIB_JOURNAL_SIZE (MiB), MAX_ONLINE_RESIZE (blocks),
 * DIB_IMAGE_SIZE (GiB, fractions allowed), DIB_IMAGE_EXTRA_SIZE (MiB) and DIB_BLOCK_SIZE. Empty values are as absent.
 */
export function environmentDefaults(environment: Readonly<Record<string, string | undefined>>): Checked<EnvironmentDefaults> {
  const diagnostics: Diagnostic[] = [];
  const number = (name: string, pattern: RegExp, help: string): number | undefined => {
    const text = environment[name];
    if (text === undefined || text === '') return undefined;
    const match = pattern.exec(text);
    if (match && Number(match[1]) > 0) return Number(match[1]);
    diagnostics.push({
      code: 'DIB_BLOCKDEV_ENVIRONMENT',
      severity: 'error',
      summary: `${quoted(`${name}=${text}`)} cannot be read`,
      help,
    });
    return undefined;
  };
  const imageSize = number(
    'DIB_IMAGE_SIZE',
    /^([0-9]{1,7}(?:\.[0-9]+)?)(?:G|GB|GiB)?$/,
    'Give a number of GiB, such as `4` or `1.5`.',
  );
  const extraSize = number('DIB_IMAGE_EXTRA_SIZE', /^([0-9]{1,10})$/, 'Give a number of MiB.');
  const blockSize = number('DIB_BLOCK_SIZE', /^([0-9]{1,10})$/, 'Give 512 or 4096.');
  const journal = number('DIB_JOURNAL_SIZE', /^([0-9]{1,6})$/, 'Give a number of MiB.');
  const resize = number('MAX_ONLINE_RESIZE', /^([0-9]{1,15})$/, 'Give a number of blocks.');
  const mkfsOpts = [
    ...(journal === undefined || String(journal) === DEFAULT_JOURNAL ? [] : ['-J', `size=${journal}`]),
    ...(environment['MKFS_OPTS'] ?? '').split(/\s+/).filter((word) => word !== ''),
    ...(resize === undefined ? [] : ['-E', `resize=${resize}`]),
  ];
  const value: EnvironmentDefaults = {
    fsType: environment['FS_TYPE'] || undefined,
    rootLabel: environment['ROOT_LABEL'] || undefined,
    mkfsOpts: mkfsOpts.length > 0 ? mkfsOpts : undefined,
    imageSize: imageSize === undefined ? undefined : Math.trunc(imageSize * GIB),
    blockSize,
    extraSize: extraSize === undefined ? undefined : extraSize * 1024 ** 2,
  };
  return diagnostics.length > 0 ? { diagnostics } : { value, diagnostics };
}
