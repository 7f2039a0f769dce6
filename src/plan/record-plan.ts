import type { Kind, RecordedResource } from '../kinds/kind.ts';
import { describeRecorded } from './describe-recorded.ts';
import type { Past } from './make-plan.ts';
import type { Plan, ResourceChange } from './plan.ts';

/** A plan that changes nothing, made of all that is recorded: for attaching it. It requires what attaching needs, however the disks were made. */
export function makeRecordPlan(request: {
  readonly past: Past;
  readonly image: Plan['image'];
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly dibVersion: string;
}): Plan {
  const { past, kinds } = request;
  return {
    format_version: '1.0',
    dib_version: request.dibVersion,
    mode: 'apply',
    image: request.image,
    environment_variables: [],
    worker: { name: 'host', reason: 'block devices are attached to this machine', realisation: {} },
    facts: past.facts,
    resource_changes: past.resources.filter(({ status }) => status === 'created').map((recorded) => unchanged(recorded, kinds)),
    disks: [],
    summary: { add: 0, change: 0, destroy: 0 },
    bound_to: { configuration_sha256: '', elements_sha256: '', lineage: past.lineage, serial: past.serial },
    options: {},
    warnings: [],
  };
}

function unchanged(recorded: RecordedResource, kinds: ReadonlyMap<string, Kind>): ResourceChange {
  const { address, name, inputs, dependsOn } = recorded;
  const kind = kinds.get(recorded.kind);
  return {
    address,
    kind: recorded.kind,
    name,
    description: describeRecorded(recorded),
    change: { actions: ['no-op'], before: inputs, after: inputs },
    action_reason: 'no_op_because_unchanged',
    reason: 'is up to date',
    depends_on: dependsOn,
    commands: [],
    requires: kind?.attach === undefined ? [] : kind.requires({ ...inputs, realisation: 'attached' }),
  };
}
