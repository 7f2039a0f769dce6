import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { layerExtraOutputs } from '../rootfs/cache-layout.ts';
import type { LayerOutputs } from '../rootfs/tree.ts';
import type { JsonObject } from '../util/json.ts';
import { sha256File, statOrUndefined, syncParent, syncPath } from './disk-file.ts';
import type { LocalLoopOutputs, OutputInputs, OutputOutputs } from './disk-inputs.ts';
import type { ActionContext, Kind, Paths, Presence, RecordedResource } from './kind.ts';
import { adoptOutput } from './output-adopt.ts';
import { outputCommand, outputRequirements } from './output-commands.ts';
import { asFarAsReadable } from './probing.ts';
import { mountedTree, type TreeAccess } from './tree-view.ts';

/** A file for the user, made under a temporary name and renamed when it is complete and on the disk. */
export function output(access: TreeAccess): Kind {
  return {
    kind: 'output',
    inPlace: true,
    interruptible: true,
    needsDetached: (inputs) => (inputs as OutputInputs).disk !== undefined,
    requires: (inputs) => outputRequirements(inputs as OutputInputs),
    commands: (inputs) => {
      const typed = inputs as OutputInputs;
      return [outputCommand(typed, plannedSource(typed), join(dirname(typed.path), `.${basename(typed.path)}.partial`))];
    },
    probe: (recorded) => asFarAsReadable(() => probe(recorded)),
    adopt: (inputs, id, paths) => adoptOutput(inputs as OutputInputs, id, paths),
    create: (inputs, context) => create(inputs as OutputInputs, context, access),
    destroy,
    tidy: (recorded, paths) => tidy(recorded, paths),
  };
}

/** What `intend` tells of an output: where it goes, and once its content is complete, what it is. */
interface Marker extends JsonObject {
  readonly path: string;
  readonly size?: number;
  readonly sha256?: string;
}

/** The checksum file beside an output, in the format of sha256sum(1). */
export function sidecar(path: string): string {
  return `${path}.sha256`;
}

async function probe(recorded: RecordedResource): Promise<Presence> {
  const { path, size, sha256, mtime } = recorded.outputs as OutputOutputs;
  const found = await statOrUndefined(path);
  if (found === undefined) return { state: 'absent' };
  if (!found.isFile()) return { state: 'drifted', reason: `${path} is not a file any more` };
  if (found.size === size && found.mtimeMs === mtime) return { state: 'present' };
  const now = { size: found.size, sha256: await sha256File(path), mtime: found.mtimeMs };
  if (now.size === size && now.sha256 === sha256) return { state: 'present' };
  const what =
    now.size === size ? 'was changed: its SHA-256 is not the recorded one' : `has ${now.size} bytes instead of ${size}`;
  return { state: 'drifted', reason: `${path} ${what}`, found: { outputs: now } };
}

async function create(inputs: OutputInputs, context: ActionContext, access: TreeAccess): Promise<OutputOutputs> {
  const path = resolve(context.paths.image, inputs.path);
  const partial = join(dirname(path), `.${basename(path)}.partial-${process.pid}`);
  await mkdir(dirname(path), { recursive: true });
  await removePartials(path);
  await removeUnrecorded(path, context.previous);
  await context.intend({ path });
  try {
    await context.run(outputCommand(inputs, await sourceOf(inputs, context, access), partial));
    // The sum is taken from the page cache while the disk writes.
    const [sha256] = await Promise.all([sha256File(partial, context.signal), syncPath(partial)]);
    const { size } = await stat(partial);
    // From here on the file may stand at its place before its record does.
    await context.intend({ path, size, sha256 });
    if (!(await isOurs(path, context.previous))) await setAside(path, { size, sha256 }, context);
    await writeSidecar(path, sha256);
    await rename(partial, path);
    await syncParent(path);
    await removePrevious(path, context.previous);
    return { path, size, sha256, mtime: (await stat(path)).mtimeMs };
  } finally {
    await rm(partial, { force: true });
  }
}

/** A source as the plan shows it. */
function plannedSource({ format, disk = '', file = '' }: OutputInputs): string {
  if (format === 'tar') return '<tree>';
  return format === 'file' ? `<layer>/${file}` : `<work>/${disk.replace(/^local_loop\./, '')}.raw`;
}

async function sourceOf(inputs: OutputInputs, context: ActionContext, access: TreeAccess): Promise<string> {
  if (inputs.format === 'tar') return mountedTree(context, access, inputs.tree as string);
  if (inputs.format === 'file') {
    const layer = (context.outputs(inputs.tree as string) as LayerOutputs).layers.at(-1) as string;
    return join(layerExtraOutputs(context.paths.cache, layer), inputs.file as string);
  }
  return (context.outputs(inputs.disk as string) as LocalLoopOutputs).file;
}

/** Half-written files of interrupted runs. The lock of the state makes sure that no other run of this image writes one. */
async function removePartials(path: string): Promise<void> {
  const prefix = `.${basename(path)}.partial-`;
  for (const name of await readdir(dirname(path))) {
    if (name.startsWith(prefix)) await rm(join(dirname(path), name), { force: true });
  }
}

/** Whether the file is the one that the replaced record speaks of, or was about to, untouched since. */
async function isOurs(path: string, previous: RecordedResource | undefined): Promise<boolean> {
  if (previous?.outputs['path'] === path && (await probe(previous)).state === 'present') return true;
  return previous?.marker?.['path'] === path && (await isMarked(previous.marker as unknown as Marker));
}

/** Whether the file at the marked path is the one that an interrupted run put there. */
async function isMarked({ path, size, sha256 }: Marker): Promise<boolean> {
  const found = sha256 === undefined ? undefined : await statOrUndefined(path);
  return found?.isFile() === true && found.size === size && (await sha256File(path)) === sha256;
}

/** What an interrupted run left at another path than the one that is wanted now. */
async function removeUnrecorded(path: string, previous: RecordedResource | undefined): Promise<void> {
  const marker = previous?.marker as unknown as Marker | undefined;
  if (previous === undefined || marker === undefined || marker.path === path) return;
  if (previous.status === 'created' || marker.path === previous.outputs['path']) return;
  await removeMarked(marker);
}

/** Removes what was made for a marker, and nothing else that stands at its path. */
async function removeMarked(marker: Marker): Promise<void> {
  if ((await statOrUndefined(dirname(marker.path))) === undefined) return;
  await removePartials(marker.path);
  if (await isMarked(marker)) await rm(marker.path, { force: true });
  if (marker.sha256 !== undefined && (await readSidecar(marker.path)) === sidecarText(marker.path, marker.sha256))
    await rm(sidecar(marker.path), { force: true });
}

async function readSidecar(path: string): Promise<string | undefined> {
  return await readFile(sidecar(path), 'utf8').catch(() => undefined);
}

function sidecarText(path: string, sha256: string): string {
  return `${sha256}  ${basename(path)}\n`;
}

/** An output that moved to another path does not stay at its old one. */
async function removePrevious(path: string, previous: RecordedResource | undefined): Promise<void> {
  const old = previous?.outputs['path'];
  if (previous === undefined || typeof old !== 'string' || old === path || !(await isOurs(old, previous))) return;
  await rm(old, { force: true });
  await rm(sidecar(old), { force: true });
}

/**
 * Keeps a file that this run did not make, under diskimage-builder's naming: `NAME-YYYY.MM.DD-HH.MM.SS.FORMAT`, with the time of the file.
 * A file with the content just built is what an interrupted run left: it is replaced.
 */
async function setAside(path: string, made: { size: number; sha256: string }, context: ActionContext): Promise<void> {
  const found = await statOrUndefined(path);
  if (found === undefined) return;
  if (found.isFile() && found.size === made.size && (await sha256File(path, context.signal)) === made.sha256) return;
  const kept = await freeName(path, found.mtime);
  await rename(path, kept);
  if ((await statOrUndefined(sidecar(path))) !== undefined) await rename(sidecar(path), sidecar(kept));
  context.progress(`${path} was there before and not made by this state: kept as ${basename(kept)}`);
}

/** diskimage-builder's name for an older image. Of a path without an extension the time stands at the end. */
export function asideName(path: string, time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('.');
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join('.');
  const name = basename(path);
  const dot = name.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  return join(dirname(path), `${stem}-${date}-${clock}${extension}`);
}

async function freeName(path: string, time: Date): Promise<string> {
  for (let seconds = 0; ; seconds++) {
    const name = asideName(path, new Date(time.getTime() + seconds * 1000));
    if ((await statOrUndefined(name)) === undefined) return name;
  }
}

async function writeSidecar(path: string, sha256: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.partial-sha256`);
  const handle = await open(temporary, 'w', 0o644);
  try {
    await handle.writeFile(sidecarText(path, sha256));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, sidecar(path));
}

/** Removes the result, and what an interrupted create left at the path that it was to have. */
async function destroy(recorded: RecordedResource, context: ActionContext): Promise<void> {
  await tidy(recorded, context.paths);
  const path = recorded.outputs['path'];
  // Without recorded outputs a file of that name may be somebody else's.
  if (typeof path !== 'string') return;
  await rm(path, { force: true });
  await rm(sidecar(path), { force: true });
}

/** Removes what an interrupted create left; an earlier result stays, with its checksum. */
async function tidy(recorded: RecordedResource, paths: Paths): Promise<void> {
  const planned = resolve(paths.image, (recorded.inputs as OutputInputs).path);
  const { path, sha256 } = recorded.outputs as Partial<OutputOutputs>;
  const marker = (recorded.marker as unknown as Marker | undefined) ?? { path: planned };
  if (path === undefined || marker.path !== path) await removeMarked(marker);
  if (path === undefined || sha256 === undefined || (await statOrUndefined(path)) === undefined) return;
  await removePartials(path);
  // The new checksum is written before the new file gets its name.
  if (marker.path === path && recorded.status !== 'created' && !(await isMarked(marker))) await writeSidecar(path, sha256);
}
