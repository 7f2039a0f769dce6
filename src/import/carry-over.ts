import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { ARCHITECTURE_ALIASES } from '../distros/architectures.ts';
import { distroOfElement } from '../distros/registry.ts';
import { FLAGS } from './flags.ts';
import { type BuildRequest, type Imported, type ImportedLayout, note, type Setting } from './imported.ts';
import { importName, importOutputs } from './outputs.ts';
import { carryVariables } from './variables.ts';

/** Releases that upstream's operating-system elements take when DIB_RELEASE is not set. */
const DEFAULT_RELEASES: Readonly<Record<string, string>> = { debian: 'stable', ubuntu: 'noble', centos: '9-stream' };

/** Suites of Debian that mean another release every two years; the code names at this writing. */
const SUITES: Readonly<Record<string, string>> = { stable: 'trixie', oldstable: 'bookworm' };

/** Working copy of what image.yaml is going to say. */
interface Draft {
  readonly environment: Record<string, string>;
  readonly comments: Record<string, string[]>;
  readonly notes: Diagnostic[];
}

/** Says in image.yaml's words what a build of diskimage-builder asks for. Pure; `layout` is DIB_BLOCK_DEVICE_CONFIG, read already. */
export function carryOver(request: BuildRequest, layout: ImportedLayout | undefined): Imported {
  const { environment, notes } = carryVariables(request.environment);
  const draft: Draft = { environment: { ...environment }, comments: {}, notes: [...notes] };
  for (const setting of request.settings) carrySetting(setting, draft);
  if (request.program === 'ramdisk-image-create') {
    draft.notes.push(
      note('This made a ramdisk: a kernel and an initramfs, and no disk', {
        help: 'The elements are carried over; which of them leave files beside the image says the plan.',
      }),
    );
  }
  const named = carryElements(request, draft);
  const last = (flag: string): Setting | undefined => request.settings.findLast((setting) => setting.flag === flag);
  return {
    name: importName(request.settings, draft.notes),
    ...distroOf(named, last('-a')?.value ?? request.environment['ARCH'], draft),
    elementsPath: (request.environment['ELEMENTS_PATH'] ?? '').split(':').filter((directory) => directory !== ''),
    skipBase: last('-n') !== undefined || (request.environment['SKIP_BASE'] ?? '') === '1',
    packages: request.settings.flatMap(({ flag, value }) => (flag === '-p' ? words(value) : [])),
    environment: draft.environment,
    blockDevice: layout,
    outputs: importOutputs(request.settings, draft.notes),
    comments: draft.comments,
    origin: request.origin,
    notes: draft.notes,
  };
}

function words(list: string): string[] {
  return list.split(/[\s,]+/).filter((word) => word !== '');
}

function comment(draft: Draft, key: string, line: string): void {
  const lines = draft.comments[key] ?? [];
  draft.comments[key] = [...lines, line];
}

/** Options that become variables, or nothing. */
function carrySetting(setting: Setting, draft: Draft): void {
  const fate = FLAGS.find(({ flag }) => flag === setting.flag)?.fate;
  if (fate?.into === 'variable') {
    const value = fate.name === 'DIB_IMAGE_SIZE' ? gibibytes(setting, draft) : setting.value;
    draft.environment[fate.name] = value;
    comment(draft, 'environment', `${fate.name}: ${setting.flag}`);
  } else if (fate?.into === 'nothing') {
    draft.notes.push(
      note(`The option ${quoted(setting.flag)} is left out: ${fate.why}`, { help: fate.instead, range: setting.range }),
    );
  }
}

/** The option is read by awk(1): what follows the number counts for nothing, and the unit is always GiB. */
function gibibytes(setting: Setting, draft: Draft): string {
  const number = /^\s*\d+(\.\d+)?/.exec(setting.value)?.[0].trim();
  if (number === undefined || number === setting.value) return setting.value;
  if (/^\s*[\d.]+\s*G(i?B)?\s*$/.test(setting.value)) return number;
  draft.notes.push(
    note(`The image size ${quoted(setting.value)} was taken for ${number} GiB`, {
      detail: 'diskimage-builder reads the number alone, whatever unit follows it.',
      range: setting.range,
    }),
  );
  return number;
}

/** The elements, with what ramdisk-image-create puts before them. */
function carryElements(request: BuildRequest, draft: Draft): readonly string[] {
  const ramdisk = request.settings.findLast(({ flag }) => flag === '--ramdisk-element');
  if (request.program === 'ramdisk-image-create') return [...new Set([ramdisk?.value ?? 'ramdisk', ...request.elements])];
  if (ramdisk !== undefined)
    draft.notes.push(
      note('The option `--ramdisk-element` is left out: it means something to ramdisk-image-create only', {
        range: ramdisk.range,
      }),
    );
  return [...new Set(request.elements)];
}

/** `debian-minimal` and its like are what `distro` stands for. Others bring their system themselves and stay elements. */
function distroOf(elements: readonly string[], arch: string | undefined, draft: Draft): Pick<Imported, 'distro' | 'elements'> {
  const native = elements.find((element) => distroOfElement(element) !== undefined);
  const distro = native === undefined ? undefined : distroOfElement(native);
  const architecture = arch === undefined || arch === '' ? undefined : (ARCHITECTURE_ALIASES[arch] ?? arch);
  const name = distro?.name;
  const wanted = draft.environment['DIB_RELEASE'] ?? (name === undefined ? undefined : DEFAULT_RELEASES[name]);
  const release = name === 'debian' && wanted !== undefined ? (SUITES[wanted] ?? wanted) : wanted;
  if (name === undefined || release === undefined || distro?.releases.includes(release) !== true) {
    if (architecture !== undefined) draft.environment['ARCH'] = architecture;
    return { elements };
  }
  delete draft.environment['DIB_RELEASE'];
  comment(draft, 'distro', `The element ${native}.`);
  if (release !== wanted) {
    comment(draft, 'distro', `${wanted} means ${release} today. A name that moves would build another system some day.`);
    draft.notes.push(note(`The release ${quoted(wanted ?? '')} became ${quoted(release)}, which it means today`));
  }
  const mirror = takeVariable(draft, 'DIB_DISTRIBUTION_MIRROR');
  const components = name === 'debian' ? takeVariable(draft, 'DIB_DEBIAN_COMPONENTS') : undefined;
  return {
    elements: elements.filter((element) => element !== native),
    distro: {
      name,
      release,
      arch: architecture,
      mirror,
      components: components === undefined ? undefined : words(components),
    },
  };
}

/** A variable that has a place of its own in image.yaml. */
function takeVariable(draft: Draft, name: string): string | undefined {
  const value = draft.environment[name];
  delete draft.environment[name];
  return value;
}
