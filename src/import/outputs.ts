import { basename } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { printable, quoted } from '../diagnostics/printable.ts';
import { type ImportedOutput, note, type Setting } from './imported.ts';

/** Types that dib does not write, and what makes them from one that it does. */
const FROM_RAW: Readonly<Record<string, string>> = {
  vhd: 'qemu-img convert -O vpc -o subformat=fixed,force_size NAME.raw NAME.vhd',
  squashfs: 'sqfstar NAME.squashfs <NAME.tar',
  docker: 'docker import NAME.tar NAME',
  aci: 'an image builder for the App Container specification, from NAME.tar',
};

/** The longest name that image.yaml takes. */
const LONGEST_NAME = 64;

/** The path that `-o` asks for, without an ending; with one type only, the ending of that type is cut off, as upstream does. */
function stemOf(settings: readonly Setting[]): string {
  const written = settings.findLast(({ flag }) => flag === '-o')?.value ?? 'image';
  const [only, ...more] = typesOf(settings);
  return only !== undefined && more.length === 0 && written.endsWith(`.${only}`) ? written.slice(0, -only.length - 1) : written;
}

function typesOf(settings: readonly Setting[]): readonly string[] {
  const written = settings.filter(({ flag }) => flag === '-t').flatMap(({ value }) => value.split(','));
  const types = [...new Set(written.filter((type) => type !== ''))];
  return types.length === 0 ? ['qcow2'] : types;
}

/** The name of the image: the last part of `-o`. */
export function importName(settings: readonly Setting[], notes: Diagnostic[]): string {
  const stem = basename(stemOf(settings));
  const name = stem
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, LONGEST_NAME);
  const usable = name === '' ? 'image' : name;
  if (usable !== stem)
    notes.push(note(`The name ${quoted(stem)} became ${quoted(usable)}: names have letters, digits, \`.\`, \`_\` and \`-\``));
  return usable;
}

/** What `-t`, `-o`, `-u` and `--qemu-img-options` amount to. */
export function importOutputs(settings: readonly Setting[], notes: Diagnostic[]): readonly ImportedOutput[] {
  const last = (flag: string) => settings.findLast((setting) => setting.flag === flag);
  const stem = stemOf(settings);
  const zlib = usesZlib(last('--qemu-img-options'), notes);
  const compression = last('-u') === undefined ? (zlib ? 'zlib' : undefined) : 'none';
  const outputs: ImportedOutput[] = [];
  for (const type of typesOf(settings)) {
    const output = outputOf(type, compression);
    if (output !== undefined) outputs.push({ ...output, ...pathOf(stem, type) });
    else notes.push(notWritten(type, last('-t')));
  }
  return outputs.length > 0 ? outputs : [{ format: 'raw', ...pathOf(stem, 'raw') }];
}

function outputOf(type: string, compression: ImportedOutput['compression']): ImportedOutput | undefined {
  if (type === 'qcow2') return compression === undefined ? { format: 'qcow2' } : { format: 'qcow2', compression };
  if (type === 'tgz') return { format: 'tar', compression: 'gzip' };
  return type === 'raw' || type === 'tar' ? { format: type } : undefined;
}

/** Said only where it differs from what dib does by itself: `NAME.TYPE` beside image.yaml. */
function pathOf(stem: string, type: string): { readonly path?: string } {
  return stem.includes('/') || type === 'tgz' ? { path: `${stem}.${type}` } : {};
}

function notWritten(type: string, setting: Setting | undefined): Diagnostic {
  const instead = FROM_RAW[type] ?? `qemu-img convert -O ${printable(type)} NAME.raw NAME.${printable(type)}`;
  return note(`The type ${quoted(type)} is left out: dib does not write it`, {
    help: `Make it from another output: \`${instead}\`.`,
    range: setting?.range,
  });
}

/** Whether the options ask for zlib; whatever else they ask for is told. */
function usesZlib(setting: Setting | undefined, notes: Diagnostic[]): boolean {
  const options = (setting?.value ?? '').split(',').filter((option) => option !== '');
  for (const option of options) {
    if (option === 'compat=1.1' || option.startsWith('compression_type=')) continue;
    notes.push(
      note(`The option ${quoted(option)} of qemu-img is left out`, {
        detail: 'dib writes qcow2 version 3 with the cluster size that qemu-img takes by itself.',
        help: 'If it is needed, convert the output with `qemu-img convert`.',
        range: setting?.range,
      }),
    );
  }
  return options.includes('compression_type=zlib');
}
