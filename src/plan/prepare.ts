import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { checkBoot } from '../blockdev/boot-rules.ts';
import { builtinBlockDevice } from '../blockdev/builtin.ts';
import type { BlockDevices } from '../blockdev/devices.ts';
import { type EnvironmentDefaults, environmentDefaults } from '../blockdev/environment.ts';
import { Issues } from '../blockdev/issues.ts';
import { resolveStack } from '../blockdev/layout.ts';
import { parseBlockDevices } from '../blockdev/parse.ts';
import { resolveSizes } from '../blockdev/resolve-sizes.ts';
import type { ImageConfig, LoadedImage } from '../config/image.ts';
import { nativeDistroDiagnostics } from '../config/native-distro.ts';
import { parseYaml } from '../config/yaml/parse.ts';
import type { Checked, Diagnostic, Locator } from '../diagnostics/diagnostic.ts';
import { hasErrors } from '../diagnostics/diagnostic.ts';
import { pointerToken } from '../diagnostics/pointer.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { SourceText } from '../diagnostics/source-text.ts';
import { debianArchitecture } from '../distros/architectures.ts';
import type { ElementSet } from '../elements/element.ts';
import { loadElements } from '../elements/load.ts';
import { distroFamily } from '../elements/package-map.ts';
import type { Json } from '../util/json.ts';
import { checkOutputs, wantedOutputs } from './disk-outputs.ts';
import { likeDiagnostics, withDistroFiles } from './distro-files.ts';
import type { Places } from './expand.ts';
import { checkLeftOutDisks } from './left-out-disks.ts';
import { makesNoDisk, outputsWithoutDisk } from './no-final-image.ts';
import { becomesDisk, checkStoragePackages, withStoragePackages } from './storage-packages.ts';

/** An image with everything read that its plan depends on. Plain JSON: it travels to the worker as it is. */
export interface Prepared {
  /** Absolute path of image.yaml. */
  readonly file: string;
  /** Absolute path of its directory. */
  readonly directory: string;
  /** SHA-256 of the file's bytes. */
  readonly sha256: string;
  readonly config: ImageConfig;
  readonly elements: ElementSet;
  readonly devices: BlockDevices;
  /** DIB_IMAGE_EXTRA_SIZE in bytes. */
  readonly extraSize?: number | undefined;
  /** SOURCE_DATE_EPOCH, if the caller or the image sets it: seconds since 1970. */
  readonly epoch?: number | undefined;
  /** Names of the caller's variables that count as configuration, sorted: what image.yaml does not say and another shell may not set. */
  readonly environmentVariables: readonly string[];
}

/** A prepared image with where its parts are declared, for diagnostics and the plan. */
export interface ReadImage {
  readonly image: Prepared;
  readonly places: Places;
}

/** A block-device configuration with where it came from. */
interface BlockDeviceSource {
  readonly list: readonly Json[];
  readonly locate: Locator;
  readonly sourceText: (pointer: string) => string | undefined;
  readonly pointerPrefix: string;
}

const NOWHERE = { locate: () => undefined, sourceText: () => undefined, pointerPrefix: '' };

/** Resolves elements and block devices of a loaded image. All problems are reported together; there is no value if one is an error. */
export async function prepareImage(
  image: LoadedImage,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Checked<ReadImage>> {
  const diagnostics: Diagnostic[] = [];
  const config = { ...image.config, distro: await withDistroFiles(image, diagnostics) };
  const variables = { ...diskimageBuilderVariables(environment), ...config.environment };
  const elements = await loadElements({
    named: config.elements.map((name, index) => ({ name, range: image.locate(`/elements/${index}`) })),
    searchPath: elementsPath(image, environment),
    nativeElements: config.native_elements !== false,
    imageDirectory: image.directory,
    distro: config.distro,
    arch: architecture(config, environment),
    environment: variables,
    packages: config.packages,
    skipBase: config.skip_base,
    locateVariable: (name, part) => image.locate(`/environment/${pointerToken(name)}`, part),
    hasBlockDevice: config.block_device !== undefined || variables['DIB_BLOCK_DEVICE_CONFIG'] !== undefined,
  });
  diagnostics.push(...elements.diagnostics);
  if (elements.value !== undefined && elements.value.operatingSystem === undefined)
    diagnostics.push(...nativeDistroDiagnostics(image), ...likeDiagnostics(image, elements.value));
  const source = await blockDeviceSource(image, variables, elements.value, diagnostics);
  const defaults = environmentDefaults(variables);
  diagnostics.push(...defaults.diagnostics);
  const devices = source === undefined ? undefined : parseDevices(config.name, source, defaults.value ?? {});
  diagnostics.push(...(devices?.diagnostics ?? []));
  const wanted =
    devices?.value === undefined
      ? config
      : { ...config, outputs: outputsOf(config, elements.value, devices.value, image.locate, diagnostics) };
  if (source !== undefined && elements.value !== undefined && devices?.value !== undefined)
    diagnostics.push(...bootDiagnostics(wanted, elements.value, devices.value, source));
  if (source === undefined || elements.value === undefined || devices?.value === undefined || hasErrors(diagnostics)) {
    // Of an image without errors the layout is made, and so judged, later.
    const extraSize = defaults.value?.extraSize;
    if (source !== undefined && devices?.value !== undefined) diagnostics.push(...layoutErrors(devices.value, source, extraSize));
    return { diagnostics };
  }
  const prepared: Prepared = {
    file: image.file,
    directory: image.directory,
    sha256: image.sha256,
    config: { ...wanted, environment: variables },
    elements: withStoragePackages(elements.value, wanted, devices.value),
    devices: devices.value,
    extraSize: defaults.value?.extraSize,
    epoch: epochOf(variables['SOURCE_DATE_EPOCH'] ?? environment['SOURCE_DATE_EPOCH']),
    environmentVariables: variablesOfCaller(config, environment),
  };
  const places: Places = { locateDevice: source.locate, devicePrefix: source.pointerPrefix, locateOutput: image.locate };
  return { value: { image: prepared, places }, diagnostics };
}

/** What does not fit, as far as sizes stand in the configuration: all problems of an image are told at once. */
function layoutErrors(
  devices: BlockDevices,
  { locate, pointerPrefix }: BlockDeviceSource,
  extraSize: number | undefined,
): readonly Diagnostic[] {
  const sizes = resolveSizes(devices, undefined, { extraSize });
  const context = { locate, pointerPrefix, partitionSizes: sizes.partitions };
  return resolveStack(devices, sizes.disks, context).diagnostics.filter(({ severity }) => severity === 'error');
}

function outputsOf(
  config: ImageConfig,
  elements: ElementSet | undefined,
  devices: BlockDevices,
  locate: Locator,
  diagnostics: Diagnostic[],
): ImageConfig['outputs'] {
  if (makesNoDisk(elements)) {
    const made = outputsWithoutDisk(config.outputs, locate);
    diagnostics.push(...made.diagnostics);
    return made.outputs;
  }
  const outputs = wantedOutputs(config, devices, locate);
  diagnostics.push(...checkOutputs(outputs, devices, locate));
  return outputs;
}

/** Whether the image has all of its disks, can use them, and start from them with dib's boot loader; another one may do better. */
function bootDiagnostics(
  config: ImageConfig,
  elements: ElementSet,
  devices: BlockDevices,
  { locate, pointerPrefix }: BlockDeviceSource,
): readonly Diagnostic[] {
  const issues = new Issues(locate, pointerPrefix);
  checkLeftOutDisks(config.outputs, devices, issues);
  checkStoragePackages(elements, config, devices, issues);
  const booted = elements.elements.some(({ name, builtin }) => name === 'bootloader' && builtin);
  if (booted && becomesDisk(config, devices)) {
    const { DISTRO_NAME = '' } = elements.environment;
    const family = distroFamily(DISTRO_NAME) ?? 'debian';
    checkBoot(devices, { arch: elements.environment['ARCH'] ?? 'amd64', initramfsTools: family === 'debian' }, issues);
  }
  return issues.diagnostics;
}

/** diskimage-builder's interface is its environment: what the caller exports counts, image.yaml wins. */
function diskimageBuilderVariables(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] =>
        /^(DIB_|NO_SOURCE_REPOSITORIES$)/.test(entry[0]) && !OWN_VARIABLES.has(entry[0]) && entry[1] !== undefined,
    ),
  );
}

/** These steer dib itself and never change what an image holds: docs/environment-variables.md. */
export const OWN_VARIABLES: ReadonlySet<string> = new Set([
  'DIB_DEBUG',
  'DIB_IMAGE_CACHE',
  'DIB_CACHE_MAX_SIZE',
  'DIB_HOOK_TIMEOUT',
  'DIB_VM_KERNEL',
  'DIB_VM_MEMORY',
]);

/** Beside diskimage-builder's: those that the plan reads when the image does not say the same itself. */
function variablesOfCaller(config: ImageConfig, environment: NodeJS.ProcessEnv): string[] {
  const isSet = (name: string) => (environment[name] ?? '') !== '';
  const names = Object.keys(diskimageBuilderVariables(environment)).filter((name) => config.environment[name] === undefined);
  if (config.distro === undefined && config.environment['ARCH'] === undefined && isSet('ARCH')) names.push('ARCH');
  if (isSet('ELEMENTS_PATH')) names.push('ELEMENTS_PATH');
  if (config.environment['SOURCE_DATE_EPOCH'] === undefined && epochOf(environment['SOURCE_DATE_EPOCH']) !== undefined)
    names.push('SOURCE_DATE_EPOCH');
  return names.sort();
}

function architecture(config: ImageConfig, environment: NodeJS.ProcessEnv): string {
  return config.distro?.arch ?? config.environment['ARCH'] ?? environment['ARCH'] ?? debianArchitecture();
}

function elementsPath(image: LoadedImage, environment: NodeJS.ProcessEnv): string[] {
  const fromCaller = (environment['ELEMENTS_PATH'] ?? '').split(':').filter((path) => path !== '');
  return [...image.config.elements_path, ...fromCaller].map((path) => resolve(image.directory, path));
}

/** SOURCE_DATE_EPOCH (reproducible-builds.org/specs/source-date-epoch): whole seconds. */
function epochOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** image.yaml first, then DIB_BLOCK_DEVICE_CONFIG, then an element's layout, then the built-in one: diskimage-builder's order with ours before. */
async function blockDeviceSource(
  image: LoadedImage,
  variables: Readonly<Record<string, string>>,
  elements: ElementSet | undefined,
  diagnostics: Diagnostic[],
): Promise<BlockDeviceSource | undefined> {
  const declared = image.config.block_device;
  if (declared !== undefined) {
    const inside = (pointer: string) => `/block_device${pointer}`;
    return {
      list: declared,
      locate: (pointer, part) => image.locate(inside(pointer), part),
      sourceText: (pointer) => image.sourceText(inside(pointer)),
      pointerPrefix: '/block_device',
    };
  }
  const variable = variables['DIB_BLOCK_DEVICE_CONFIG'];
  if (variable !== undefined) return await fromVariable(variable, image, diagnostics);
  if (elements?.blockDevice !== undefined) {
    return fromText(new SourceText(elements.blockDevice.file, elements.blockDevice.text), diagnostics);
  }
  return { list: builtinBlockDevice(), ...NOWHERE };
}

async function fromVariable(
  value: string,
  image: LoadedImage,
  diagnostics: Diagnostic[],
): Promise<BlockDeviceSource | undefined> {
  if (!value.startsWith('file://')) return fromText(new SourceText('DIB_BLOCK_DEVICE_CONFIG', value), diagnostics);
  const path = resolve(image.directory, value.slice('file://'.length));
  try {
    return fromText(new SourceText(path, await readFile(path, 'utf8')), diagnostics);
  } catch (error) {
    diagnostics.push({
      code: 'DIB_BLOCKDEV_CONFIG_UNREADABLE',
      severity: 'error',
      summary: `\`DIB_BLOCK_DEVICE_CONFIG\` names ${quotedPath(path)}, which cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
      help: 'Give the path of an existing YAML file, or put the tree into `block_device:` of `image.yaml`.',
    });
    return undefined;
  }
}

function fromText(source: SourceText, diagnostics: Diagnostic[]): BlockDeviceSource | undefined {
  const document = parseYaml(source);
  diagnostics.push(...document.diagnostics);
  if (hasErrors(document.diagnostics)) return undefined;
  if (!Array.isArray(document.value)) {
    diagnostics.push({
      code: 'DIB_BLOCKDEV_NOT_A_LIST',
      severity: 'error',
      summary: `${quotedPath(source.file)} does not hold a list of block devices`,
      help: 'Write a YAML list such as `- local_loop: {name: image0}`.',
      range: source.firstLine(),
    });
    return undefined;
  }
  return { list: document.value as readonly Json[], locate: document.locate, sourceText: document.sourceText, pointerPrefix: '' };
}

function parseDevices(imageName: string, source: BlockDeviceSource, defaults: EnvironmentDefaults): Checked<BlockDevices> {
  const { locate, sourceText, pointerPrefix } = source;
  return parseBlockDevices(source.list, {
    imageName,
    locate,
    sourceText,
    pointerPrefix,
    blockSizeOverride: defaults.blockSize,
    defaults,
  });
}
