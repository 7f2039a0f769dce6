import type { Command } from 'commander';
import { DibError, ExitCode } from '../../diagnostics/errors.ts';
import type { RecordedResource } from '../../kinds/kind.ts';
import type { State } from '../../state/state.ts';
import { type GlobalOptions, parseDuration, runCommand } from '../command.ts';
import { withLockedState } from '../locked-state.ts';
import { type ImageOptions, type Location, locateImage, pastOf } from '../session.ts';
import { inSharedNamespace, isAttachedHere } from '../shared-namespace.ts';
import { dibVersion } from '../version.ts';

interface Options extends GlobalOptions, ImageOptions {
  readonly lockTimeout?: number;
}

/** `dib detach`: undoes `dib attach`. */
export function registerDetach(program: Command): void {
  program
    .command('detach')
    .description('unmount and detach what `dib attach` or `dib apply --keep-attached` attached; keeps all that was built')
    .argument('[file]', 'image whose state is meant; need not exist any more', 'image.yaml')
    .option('--json', 'print JSON')
    .option('--state-dir <dir>', 'directory of the state (default: .dib beside image.yaml)')
    .option('--lock-timeout <duration>', 'wait so long for the state lock', parseDuration, 0)
    .action((file: string, _options: unknown, self: Command) => {
      const options = self.optsWithGlobals<Options>();
      return runCommand(options, () => detach(file, options));
    });
}

async function detach(file: string, options: Options): Promise<ExitCode> {
  const location = locateImage(file, options);
  return await withLockedState(location, 'detach', options, async (lock, state) => {
    const attached = state.resources.filter(({ attachment }) => attachment !== undefined);
    if (attached.length > 0) {
      const [{ makeRecordPlan }, { kindRegistry }] = await Promise.all([
        import('../../plan/record-plan.ts'),
        import('../../kinds/registry.ts'),
      ]);
      const plan = makeRecordPlan({ past: pastOf(state), image: state.image, kinds: kindRegistry(), dibVersion: dibVersion() });
      if (await isAttachedHere(state)) {
        const outcome = await inSharedNamespace({ operation: 'detach', plan, location, lock, options, handBack: true });
        if (outcome.exitCode !== ExitCode.Ok) throw new DibError(outcome.diagnostics, outcome.exitCode);
      } else await forgetAll(state, location);
    }
    await report(attached, state, location, options);
    return ExitCode.Ok;
  });
}

/** Of another boot, or of a virtual machine that is gone: only the records are left. */
async function forgetAll(state: State, location: Location): Promise<void> {
  const [{ openState }, { readHost }, { recordDetached }] = await Promise.all([
    import('../../state/store.ts'),
    import('../../state/host.ts'),
    import('../../state/transitions.ts'),
  ]);
  const store = await openState(location.paths.state, { dibVersion: dibVersion(), image: state.image, host: await readHost() });
  await store.update((current) =>
    current.resources
      .filter(({ attachment }) => attachment !== undefined)
      .reduce((changed, { address }) => recordDetached(changed, address), current),
  );
}

async function report(detached: readonly RecordedResource[], state: State, { paths }: Location, options: Options): Promise<void> {
  const [{ findHolders }, { hostFiles }] = await Promise.all([import('../../plan/refresh.ts'), import('../../host/files.ts')]);
  const resources = state.resources.map(({ attachment: _, ...resource }) => resource);
  const { teardown } = await findHolders({ resources, paths, host: hostFiles() });
  if (options.json === true) {
    const addresses = detached.map(({ address }) => address);
    process.stdout.write(`${JSON.stringify({ format_version: '1.0', detached: addresses, still_in_use: teardown }, null, 2)}\n`);
    return;
  }
  process.stdout.write(detached.length === 0 ? 'Nothing was attached.\n' : 'Detached.\n');
  if (teardown.length === 0) return;
  const lines = teardown.map(({ action, detail }) => `  ${action}  # ${detail}`);
  process.stderr.write(
    `Others still use the disk files; dib did not attach this and leaves it. \`dib destroy\` and an apply would stop it with:\n${lines.join('\n')}\n`,
  );
}
