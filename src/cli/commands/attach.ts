import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { DibError, ExitCode, fail } from '../../diagnostics/errors.ts';
import { quoted, quotedPath } from '../../diagnostics/printable.ts';
import { listOf } from '../../diagnostics/suggest.ts';
import type { Kind, RecordedResource } from '../../kinds/kind.ts';
import type { Plan } from '../../plan/plan.ts';
import type { State } from '../../state/state.ts';
import { type GlobalOptions, parseDuration, runCommand } from '../command.ts';
import { withLockedState } from '../locked-state.ts';
import { preflight } from '../preflight.ts';
import { type ImageOptions, isRoot, type Location, locateImage, pastOf } from '../session.ts';
import { inSharedNamespace } from '../shared-namespace.ts';
import { dibVersion } from '../version.ts';

interface Options extends GlobalOptions, ImageOptions {
  readonly mount: boolean;
  readonly readWrite?: boolean;
  readonly lockTimeout?: number;
}

/** `dib attach`: the finished disks as devices and mounts of this machine, for looking into them. */
export function registerAttach(program: Command): void {
  program
    .command('attach')
    .description('attach the built disks to this machine and mount them below .dib, read-only, until `dib detach`; needs root')
    .argument('[file]', 'image whose state is meant; need not exist any more', 'image.yaml')
    .option('--no-mount', 'only the devices')
    .option('--read-write', 'let them be written to; the next apply undoes what was changed')
    .option('--json', 'print JSON')
    .option('--state-dir <dir>', 'directory of the state (default: .dib beside image.yaml)')
    .option('--lock-timeout <duration>', 'wait so long for the state lock', parseDuration, 0)
    .action((file: string, _options: unknown, self: Command) => {
      const options = self.optsWithGlobals<Options>();
      return runCommand(options, () => attach(file, options));
    });
}

async function attach(file: string, options: Options): Promise<ExitCode> {
  const location = locateImage(file, options);
  return await withLockedState(location, 'attach', options, async (lock, state) => {
    const { kindRegistry } = await import('../../kinds/registry.ts');
    const kinds = kindRegistry();
    const wanted = attachable(state, kinds, options);
    requireDisks(state, wanted);
    if (await isDone(state, wanted, options)) {
      await print(location, options, true);
      return ExitCode.Ok;
    }
    requireRoot();
    const { makeRecordPlan } = await import('../../plan/record-plan.ts');
    const plan = makeRecordPlan({ past: pastOf(state), image: state.image, kinds, dibVersion: dibVersion() });
    await requireKernel(plan);
    await preflight(plan);
    const jobOptions = { attach: { readOnly: options.readWrite !== true, mount: options.mount } };
    const keys = await keysOf(plan, kinds, location);
    const outcome = await inSharedNamespace({
      operation: 'attach',
      plan,
      location,
      lock,
      options,
      jobOptions,
      keys,
      handBack: true,
    });
    if (outcome.exitCode !== ExitCode.Ok) throw new DibError(outcome.diagnostics, outcome.exitCode);
    await print(location, options, false);
    return ExitCode.Ok;
  });
}

function attachable(state: State, kinds: ReadonlyMap<string, Kind>, { mount }: Options): readonly RecordedResource[] {
  return state.resources.filter(
    ({ kind, status }) => status === 'created' && kinds.get(kind)?.attach !== undefined && (mount || kind !== 'mount'),
  );
}

function requireDisks(state: State, wanted: readonly RecordedResource[]): void {
  if (wanted.length === 0) {
    const unfinished = state.resources.some(({ status }) => status !== 'created');
    fail({
      code: 'DIB_ATTACH_NOTHING',
      summary: 'There is nothing to attach: the state has no disk',
      detail: unfinished
        ? 'The last `dib apply` did not finish.'
        : 'Only outputs that are disks (`raw`, `qcow2`) leave one in `.dib/work`.',
      help: unfinished ? 'Run `dib apply` again.' : 'Build the image with `dib apply`, or unpack its tar.',
    });
  }
  const gone = wanted.flatMap(({ kind, outputs }) =>
    kind === 'local_loop' && typeof outputs['file'] === 'string' && !existsSync(outputs['file']) ? [outputs['file']] : [],
  );
  if (gone.length === 0) return;
  fail({
    code: 'DIB_ATTACH_FILE_GONE',
    summary: `The disk file ${quotedPath(gone[0] ?? '')} is gone`,
    detail: 'It is what `dib apply` built and made the outputs from; something else removed it.',
    help: 'Run `dib apply`, which makes it anew, or look into an output with `dib boot FILE`.',
  });
}

/** Whether all of it is attached as it is asked for. Throws DIB_ATTACH_MODE when it is attached otherwise. */
async function isDone(state: State, wanted: readonly RecordedResource[], options: Options): Promise<boolean> {
  const [{ brokenAttachments }, { hostFiles }, { readHost }] = await Promise.all([
    import('../../plan/attachment-drift.ts'),
    import('../../host/files.ts'),
    import('../../state/host.ts'),
  ]);
  const { bootId } = await readHost();
  const attached = state.resources.filter(({ attachment }) => attachment?.bootId === bootId && attachment.status === 'attached');
  const readOnly = attached.some(({ attachment }) => attachment?.readOnly === true);
  if (attached.length > 0 && readOnly === (options.readWrite === true)) {
    fail({
      code: 'DIB_ATTACH_MODE',
      summary: `The image is attached ${readOnly ? 'read-only' : 'read-write'}`,
      detail: 'What is attached in one way cannot be had in the other beside it.',
      help: `Run \`dib detach\` first, or ${readOnly ? 'leave out' : 'give'} \`--read-write\`.`,
    });
  }
  const broken = await brokenAttachments(state.resources, bootId, hostFiles());
  return broken.size === 0 && wanted.every((resource) => attached.includes(resource));
}

function requireRoot(): void {
  if (isRoot()) return;
  fail(
    {
      code: 'DIB_ATTACH_ROOT',
      summary: 'Attaching an image needs root',
      detail: 'Loop devices, device mappings and mounts of this machine are made by root.',
      help: 'Run `sudo dib attach`, or look into the image with `dib boot`, which needs no root.',
    },
    ExitCode.Unavailable,
  );
}

/** Throws DIB_ATTACH_KERNEL when this machine's kernel lacks a driver. A file system that it cannot mount is no obstacle: it is left out. */
async function requireKernel(plan: Plan): Promise<void> {
  const { readKernels } = await import('../../workers/kernels.ts');
  const { host } = await readKernels();
  const lacking = plan.resource_changes
    .flatMap(({ requires }) => requires)
    .filter((need) => (need.need === 'loop' || need.need === 'kernel') && !host.has(need));
  if (lacking.length === 0) return;
  const names = [...new Set(lacking.map((need) => (need.need === 'kernel' ? need.name : 'loop')))];
  fail(
    {
      code: 'DIB_ATTACH_KERNEL',
      summary: `This kernel cannot attach the image: it has no ${listOf(names)}`,
      detail: [...new Set(lacking.map(({ why }) => `  ${why}`))].join('\n'),
      help: `Load the driver with ${quoted(`modprobe ${names[0]}`)} where the kernel has it as a module, or look into the image with \`dib boot\`.`,
    },
    ExitCode.Unavailable,
  );
}

async function keysOf(
  plan: Plan,
  kinds: ReadonlyMap<string, Kind>,
  { paths }: Location,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { neededKeys } = await import('../../plan/needed-keys.ts');
  const needed = neededKeys(plan, kinds, true);
  if (needed.length === 0) return new Map();
  const { askKeys, readKeys } = await import('../luks-keys.ts');
  const { keys, toAsk } = await readKeys(plan, needed, paths.image);
  return new Map([...keys, ...(await askKeys(toAsk))]);
}

async function print(location: Location, options: Options, already: boolean): Promise<void> {
  const [{ readState }, { attachedRows, renderAttached }, { colourFor }] = await Promise.all([
    import('../../state/store.ts'),
    import('../../ui/attached-text.ts'),
    import('../../ui/colour.ts'),
  ]);
  const state = await readState(location.paths.state);
  const resources = state?.resources ?? [];
  const readOnly = resources.some(({ attachment }) => attachment?.readOnly === true);
  const rows = attachedRows(resources);
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ format_version: '1.0', read_only: readOnly, already, attached: rows }, null, 2)}\n`);
    return;
  }
  if (already) process.stderr.write('The image is attached already: nothing was done.\n');
  process.stdout.write(renderAttached(rows, readOnly, colourFor(process.stdout, options.color)));
}
