import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import { ARCHITECTURE_ALIASES } from '../distros/architectures.ts';
import { distroOfElement } from '../distros/registry.ts';
import { FLAGS } from './flags.ts';
import { type BuildRequest, type Imported, type ImportedLayout, note, type Setting, type UpstreamElements } from './imported.ts';
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

/**
 * Says in image.yaml's words what a build of diskimage-builder asks for. Pure; `layout` is DIB_BLOCK_DEVICE_CONFIG, read already; `upstream`
 * says which of `namedElements` only diskimage-builder has.
 */
export function carryOver(
  request: BuildRequest,
  layout: ImportedLayout | undefined,
  upstream: UpstreamElements | undefined,
): Imported {
  const { environment, notes } = carryVariables(request.environment);
  const draft: Draft = { environment: { ...environment }, comments: {}, notes: [...notes] };
  for (const setting of request.settings) carrySetting(setting, draft);
  const last = (flag: string): Setting | undefined => request.settings.findLast((setting) => setting.flag === flag);
  if (request.program === 'disk-image-create' && last('--ramdisk-element') !== undefined)
    draft.notes.push(
      note('The option `--ramdisk-element` is left out: it means something to ramdisk-image-create only', {
        range: last('--ramdisk-element')?.range,
      }),
    );
  const named = namedElements(request);
  const packages = request.settings.flatMap(({ flag, value }) => (flag === '-p' ? words(value) : []));
  const imported = {
    name: importName(request.settings, draft.notes),
    ...distroOf(named, last('-a')?.value ?? request.environment['ARCH'], draft),
    elementsPath: [...elementsPathOf(request), ...carryTree(upstream, draft)],
    skipBase: last('-n') !== undefined || (request.environment['SKIP_BASE'] ?? '') === '1',
    packages,
    environment: draft.environment,
    blockDevice: layout,
    outputs: importOutputs(request.settings, draft.notes),
    comments: draft.comments,
    origin: request.origin,
    notes: draft.notes,
  };
  return request.program === 'ramdisk-image-create' ? asRamdisk(imported, named, draft) : imported;
}

/** The directories of ELEMENTS_PATH. */
export function elementsPathOf({ environment }: BuildRequest): readonly string[] {
  return (environment['ELEMENTS_PATH'] ?? '').split(':').filter((directory) => directory !== '');
}

/** The elements that diskimage-builder was told, with the one that ramdisk-image-create puts before them. */
export function namedElements({ program, settings, elements }: BuildRequest): readonly string[] {
  if (program === 'disk-image-create') return [...new Set(elements)];
  const ramdisk = settings.findLast(({ flag }) => flag === '--ramdisk-element');
  return [...new Set([ramdisk?.value ?? RAMDISK, ...elements])];
}

/** What ramdisk-image-create builds with unless it is told another. */
const RAMDISK = 'ramdisk';

/** Programs that its hooks copy from the image: dib's own systems come without them. */
const RAMDISK_PACKAGES = ['cpio', 'wget'];

/** A kernel and an initramfs come beside the image, and no disk. Archives of the tree are made all the same, as diskimage-builder does. */
function asRamdisk(imported: Imported, named: readonly string[], draft: Draft): Imported {
  comment(draft, 'elements', 'ramdisk-outputs: NAME.kernel and NAME.initramfs are outputs, and no disk is made.');
  const lacking = imported.distro !== undefined && named.includes(RAMDISK);
  if (lacking) comment(draft, 'packages', `${RAMDISK_PACKAGES.join(', ')}: hooks of the element ${RAMDISK} copy them.`);
  return {
    ...imported,
    elements: [...imported.elements, 'ramdisk-outputs'],
    packages: [...new Set([...imported.packages, ...(lacking ? RAMDISK_PACKAGES : [])])],
    outputs: imported.outputs.filter(({ format }) => format === 'tar'),
  };
}

/** diskimage-builder's own elements, where the image needs them. */
function carryTree(upstream: UpstreamElements | undefined, draft: Draft): readonly string[] {
  if (upstream === undefined) return [];
  const { tree, names } = upstream;
  const what = `${names.length === 1 ? 'The element' : 'The elements'} ${listOf(names)}`;
  if (tree === undefined) {
    draft.notes.push(
      note(
        `${what} ${names.length === 1 ? 'is' : 'are'} not shipped with dib, and no diskimage-builder was found that has more`,
        {
          help: 'If diskimage-builder brings it: install `python3-diskimage-builder` (Debian) or `diskimage-builder` (pip), and import again. Else add the directory that holds it to `elements_path`.',
        },
      ),
    );
    return [];
  }
  comment(draft, 'elements_path', `diskimage-builder's own elements, for ${names.join(', ')}.`);
  draft.notes.push(
    note(`${what} ${names.length === 1 ? 'comes' : 'come'} from diskimage-builder's own tree ${quotedPath(tree)}`, {
      detail:
        'Others of its elements are used too where both have them, save for those of which the plan says that dib has its own.',
      help: 'To be independent of the installed package, copy the tree beside image.yaml and name the copy in `elements_path`.',
    }),
  );
  return [tree];
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
