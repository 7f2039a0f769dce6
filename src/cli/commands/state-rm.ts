import { ExitCode, fail } from '../../diagnostics/errors.ts';
import { quoted } from '../../diagnostics/printable.ts';
import { listOf } from '../../diagnostics/suggest.ts';
import { withDependencies } from '../../graph/dag.ts';
import type { RecordedResource } from '../../kinds/kind.ts';
import type { State } from '../../state/state.ts';
import type { GlobalOptions } from '../command.ts';
import { withLockedState } from '../locked-state.ts';
import { type ImageOptions, locateImage } from '../session.ts';
import { dibVersion } from '../version.ts';

export interface ForgetOptions extends GlobalOptions, ImageOptions {
  readonly image: string;
  readonly lockTimeout?: number;
  readonly dryRun?: boolean;
  readonly force?: boolean;
}

/** Takes resources from the state in one write and touches nothing else. Either all of them go or none. */
export async function forget(addresses: readonly string[], options: ForgetOptions): Promise<ExitCode> {
  const location = locateImage(options.image, options);
  return await withLockedState(location, 'state rm', options, async (_lock, state) => {
    const resources = [...new Set(addresses)].map((address) => find(address, state));
    const attached = resources.filter(({ attachment }) => attachment !== undefined);
    if (attached.length > 0 && options.force !== true) failAttached(attached);
    if (options.dryRun !== true) {
      const [{ openState }, { readHost }, { removeResource }] = await Promise.all([
        import('../../state/store.ts'),
        import('../../state/host.ts'),
        import('../../state/transitions.ts'),
      ]);
      const host = await readHost();
      const store = await openState(location.paths.state, { dibVersion: dibVersion(), image: state.image, host });
      await store.update((current) => resources.reduce((changed, { address }) => removeResource(changed, address), current));
    }
    report(resources, state, options);
    return ExitCode.Ok;
  });
}

/** The record of an address. Throws DIB_STATE_UNKNOWN_ADDRESS. */
export function find(address: string, { resources }: State): RecordedResource {
  const found = resources.find((each) => each.address === address);
  if (found !== undefined) return found;
  return fail({
    code: 'DIB_STATE_UNKNOWN_ADDRESS',
    summary: `The state has no resource ${quoted(address, 200)}`,
    help: 'See `dib state list` for the addresses.',
  });
}

function failAttached(attached: readonly RecordedResource[]): never {
  fail({
    code: 'DIB_STATE_ATTACHED',
    summary: `${listOf(attached.map(({ address }) => address))} ${attached.length === 1 ? 'is' : 'are'} attached to this machine`,
    detail: 'Nobody would know any more what has to be detached.',
    help: 'Run `dib detach` first, or forget it all the same with `--force`.',
  });
}

function report(resources: readonly RecordedResource[], state: State, options: ForgetOptions): void {
  const { dryRun = false } = options;
  const forgotten = new Set(resources.map(({ address }) => address));
  const stays = resources.flatMap(whatStays);
  const dependents = state.resources
    .filter(({ address }) => !forgotten.has(address))
    .filter(({ address }) => [...withDependencies([address], state.resources)].some((below) => forgotten.has(below)))
    .map(({ address }) => address);
  if (options.json === true) {
    const answer = { format_version: '1.0', dry_run: dryRun, forgotten: [...forgotten], stays, dependents };
    process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    return;
  }
  const verb = dryRun ? 'Would forget' : 'Forgot';
  const lines = resources.map(({ address }) => `${verb} ${address}; what it stands for is as it was.`);
  if (stays.length > 0) lines.push('This stays on the machine and is yours to remove:', ...stays.map((what) => `  ${what}`));
  if (dependents.length > 0) lines.push(`The next apply makes anew what was made from it: ${dependents.join(', ')}.`);
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** Files, devices and mounts that nobody looks after any more. */
function whatStays({ kind, outputs, attachment }: RecordedResource): string[] {
  const file = kind === 'output' ? outputs['path'] : kind === 'local_loop' ? outputs['file'] : undefined;
  const { device, target } = attachment?.outputs ?? {};
  return [file, device, target].filter((each) => typeof each === 'string');
}
