import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostFiles } from '../../../src/host/files.ts';
import { readMounts } from '../../../src/host/mounts.ts';
import type { ActionContext, Kind, Outputs, Presence, RecordedResource } from '../../../src/kinds/kind.ts';
import { detachLoops } from '../../../src/kinds/loop.ts';
import type { JsonObject } from '../../../src/util/json.ts';

// Small kinds with real effects: files, loop devices, file systems, mounts. They keep the rules that the engine relies on:
// create copes with half of itself, destroy and detach with what is gone, markers stand before what they mark.

const present: Presence = { state: 'present' };
const absent: Presence = { state: 'absent' };
const none = () => [];
const text = (value: unknown) => String(value);

const base = {
  requires: none,
  commands: none,
  probe: async () => present,
  create: async (): Promise<Outputs> => ({}),
  destroy: async () => {},
} satisfies Omit<Kind, 'kind'>;

/** Content under its key in the cache; shared, so never destroyed. */
const layer: Kind = {
  ...base,
  kind: 'layer',
  cached: true,
  interruptible: true,
  create: async (inputs, { paths, key, run }) => {
    const final = join(paths.cache, text(key));
    if (existsSync(final)) return { file: final };
    if (typeof inputs['run'] === 'string') await run({ argv: ['sh', '-c', inputs['run']] });
    mkdirSync(paths.cache, { recursive: true });
    writeFileSync(join(paths.scratch, text(key)), text(inputs['content']));
    renameSync(join(paths.scratch, text(key)), final);
    return { file: final };
  },
};

const file: Kind = {
  ...base,
  kind: 'file',
  probe: async (recorded) => (existsSync(text(recorded.outputs['path'])) ? present : absent),
  create: async (inputs, context) => {
    const path = join(context.paths.work, text(inputs['name']));
    await context.intend({ path });
    mkdirSync(context.paths.work, { recursive: true });
    if (typeof inputs['run'] === 'string') await context.run({ argv: ['sh', '-c', inputs['run']] });
    writeFileSync(path, text(inputs['content']));
    return { path };
  },
  destroy: async (recorded) => {
    const path = recorded.marker?.['path'] ?? recorded.outputs['path'];
    if (path !== undefined) rmSync(text(path), { force: true });
  },
};

/** A file that becomes a loop device. */
const disk: Kind = {
  ...file,
  kind: 'disk',
  create: async (inputs, context) => {
    const outputs = await file.create({ ...inputs, content: '' }, context);
    truncateSync(text(outputs['path']), 8 << 20);
    return outputs;
  },
  attach: async (recorded, context) => {
    await context.intend({ path: recorded.outputs['path'] });
    const { stdout } = await context.run({ argv: ['losetup', '--find', '--show', text(recorded.outputs['path'])] });
    return { device: stdout.trim() };
  },
  detach: async (recorded, context) => {
    const file = text(recorded.outputs['path']);
    await detachLoops(context, (loop) => loop.backFile === file);
  },
};

const fs: Kind = {
  ...base,
  kind: 'fs',
  needsAttached: () => true,
  create: async (inputs, context) => {
    const { device } = context.attachment(text(inputs['disk']));
    await context.run({ argv: ['mkfs.ext2', '-q', '-F', text(device)] });
    return {};
  },
};

const mount: Kind = {
  ...base,
  kind: 'mount',
  create: async (inputs, { paths }) => ({ target: join(paths.work, 'mnt', text(inputs['name'])), disk: inputs['disk'] ?? '' }),
  destroy: async (recorded, { paths }) => rmSync(join(paths.work, 'mnt', recorded.name), { recursive: true, force: true }),
  attach: async (recorded, context) => {
    const target = text(recorded.outputs['target']);
    await context.intend({ target });
    mkdirSync(target, { recursive: true });
    await context.run({ argv: ['mount', text(context.attachment(text(recorded.outputs['disk']))['device']), target] });
    return { target };
  },
  detach: async (recorded, context) => {
    const target = text(recorded.outputs['target']);
    if ((await readMounts(hostFiles())).some((entry) => entry.target === target)) await context.run({ argv: ['umount', target] });
  },
};

const tree: Kind = {
  ...base,
  kind: 'tree',
  needsAttached: () => true,
  interruptible: true,
  create: async (inputs, context) => {
    const target = text(context.attachment(text(inputs['mount']))['target']);
    copyFileSync(text(context.outputs(text(inputs['layer']))['file']), join(target, 'content'));
    return {};
  },
};

/** The product: made beside the old one and renamed over it. */
const output: Kind = {
  ...base,
  kind: 'output',
  inPlace: true,
  needsDetached: () => true,
  probe: file.probe,
  create: async (inputs, context: ActionContext) => {
    const path = join(context.paths.image, text(inputs['name']));
    await context.intend({ path });
    const part = `${path}.part`;
    await context.run({ argv: ['debugfs', '-R', `dump content ${part}`, text(context.outputs(text(inputs['disk']))['path'])] });
    renameSync(part, path);
    const old = context.previous?.outputs['path'];
    if (old !== undefined && old !== path) rmSync(text(old), { force: true });
    return { path, content: readFileSync(path, 'utf8') };
  },
  destroy: async (recorded: RecordedResource) => {
    const path = text(recorded.marker?.['path'] ?? recorded.outputs['path']);
    for (const name of [path, `${path}.part`]) rmSync(name, { force: true });
  },
};

export const kinds: ReadonlyMap<string, Kind> = new Map(
  [layer, file, disk, fs, mount, tree, output].map((kind) => [kind.kind, kind]),
);

export type Spec = Readonly<Record<string, { readonly inputs: JsonObject; readonly dependsOn?: readonly string[] }>>;
