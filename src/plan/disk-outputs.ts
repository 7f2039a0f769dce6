import type { BlockDevices, LocalLoop } from '../blockdev/devices.ts';
import type { ImageConfig, OutputConfig } from '../config/image.ts';
import type { Diagnostic, Locator } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { suggestion } from '../diagnostics/suggest.ts';

/** The outputs of an image: none that nobody asked for, when it is only written to disks that are there already. */
export function wantedOutputs({ outputs }: ImageConfig, devices: BlockDevices, locate: Locator): readonly OutputConfig[] {
  const existing = devices.disks.length > 0 && devices.disks.every(({ plugin }) => plugin === 'disk');
  return existing && locate('/outputs') === undefined ? [] : outputs;
}

/** Outputs that are of a disk which has no file, or of none at all, and an image that makes nothing. */
export function checkOutputs(outputs: readonly OutputConfig[], devices: BlockDevices, locate: Locator): readonly Diagnostic[] {
  if (outputs.length === 0 && !devices.disks.some(({ plugin }) => plugin === 'disk')) return [nothing(locate)];
  const files = devices.disks.filter((disk) => disk.plugin === 'local_loop');
  return outputs.filter(({ format }) => format !== 'tar').flatMap((output) => checkOutput(output, devices, files, locate) ?? []);
}

function nothing(locate: Locator): Diagnostic {
  return {
    code: 'DIB_CONFIG_NO_OUTPUT',
    severity: 'error',
    summary: '`outputs` is empty, and no disk of this machine is written to',
    detail: 'Nothing would be made.',
    help: 'Leave out `outputs` for a qcow2, or declare a `disk` in `block_device`.',
    ...rangeOf('/outputs', locate),
  };
}

function checkOutput(
  { format, disk, pointer }: OutputConfig,
  devices: BlockDevices,
  files: readonly LocalLoop[],
  locate: Locator,
): Diagnostic | undefined {
  const named = devices.disks.find(({ name }) => name === disk);
  if (disk === undefined ? files.length > 0 || devices.disks.length === 0 : named?.plugin === 'local_loop') return undefined;
  const place = disk === undefined ? pointer : `${pointer}/disk`;
  if (disk !== undefined && named === undefined) {
    const names = files.map(({ name }) => name);
    return {
      code: 'DIB_CONFIG_OUTPUT_DISK',
      severity: 'error',
      summary: `There is no disk ${quoted(disk)}`,
      help: suggestion(disk, names, 'Disks that are made as files are') ?? 'Declare it in `block_device` as `local_loop`.',
      ...rangeOf(place, locate),
    };
  }
  return {
    code: 'DIB_DISK_OUTPUT',
    severity: 'error',
    summary: `A ${format} cannot be made of ${disk === undefined ? 'a disk of this machine' : quoted(disk)}`,
    detail: 'An existing disk is written to where it is: there is no file that could be given out.',
    help: 'Leave out this output. To copy the finished disk, use `qemu-img convert`.',
    ...rangeOf(place, locate),
  };
}

function rangeOf(pointer: string, locate: Locator): Pick<Diagnostic, 'range' | 'pointer'> {
  const range = locate(pointer);
  return { pointer, ...(range && { range }) };
}
