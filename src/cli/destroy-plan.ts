import { ExitCode, fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import type { Plan } from '../plan/plan.ts';
import type { State } from '../state/state.ts';
import { isRoot, type Location, pastOf } from './session.ts';
import { dibVersion } from './version.ts';

/** What `dib destroy` would do: what the state knows, and what stands on the image's files on this machine now. */
export async function destroyPlanOf(state: State, location: Location, options: { readonly outputs: boolean }): Promise<Plan> {
  const [{ makeDestroyPlan }, { kindRegistry }, { findHolders }, { hostFiles }] = await Promise.all([
    import('../plan/make-plan.ts'),
    import('../kinds/registry.ts'),
    import('../plan/refresh.ts'),
    import('../host/files.ts'),
  ]);
  return makeDestroyPlan({
    past: pastOf(state),
    image: state.image,
    kinds: kindRegistry(),
    outputs: options.outputs,
    dibVersion: dibVersion(),
    isRoot: isRoot(),
    holders: await findHolders({ resources: state.resources, paths: location.paths, host: hostFiles() }),
  });
}

/** Fails where something has to be stopped that only root can stop. */
export function requireRightsFor(plan: Plan): void {
  const [first] = plan.teardown ?? [];
  if (first === undefined || isRoot()) return;
  fail(
    {
      code: 'DIB_DESTROY_ROOT',
      summary: `${quotedPath(first.name)} is in use, and stopping it needs root`,
      detail: (plan.teardown ?? []).map(({ action, detail }) => `  ${action} (${detail})`).join('\n'),
      help: 'Run this command with sudo.',
    },
    ExitCode.Unavailable,
  );
}
