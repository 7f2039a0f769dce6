import { hostFiles } from '../host/files.ts';
import type { Past } from './make-plan.ts';
import type { Plan } from './plan.ts';
import { type RefreshRequest, refresh } from './refresh.ts';

export interface RefreshPlanRequest extends Omit<RefreshRequest, 'resources' | 'host'> {
  readonly past: Past;
  readonly image: Plan['image'];
  readonly dibVersion: string;
  readonly host?: RefreshRequest['host'] | undefined;
}

/** The plan that records what changed outside of dib, and does nothing else. From the state alone: the configuration says nothing to it. */
export async function makeRefreshPlan(request: RefreshPlanRequest): Promise<Plan> {
  const { past } = request;
  const found = await refresh({ ...request, resources: past.resources, host: request.host ?? hostFiles() });
  return {
    format_version: '1.0',
    dib_version: request.dibVersion,
    mode: 'refresh-only',
    image: request.image,
    environment_variables: [],
    worker: { name: 'host', reason: 'nothing is run', realisation: {} },
    facts: past.facts,
    resource_changes: [],
    ...(found.drift.length > 0 && { resource_drift: found.drift }),
    disks: [],
    summary: { add: 0, change: 0, destroy: 0 },
    bound_to: { configuration_sha256: '', elements_sha256: '', lineage: past.lineage, serial: past.serial },
    options: { refresh_only: true },
    warnings: found.foreign,
  };
}
