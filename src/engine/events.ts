import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Actions, TeardownStep } from '../plan/plan.ts';
import type { TimedStep } from '../rootfs/hook-profile.ts';
import type { JsonObject } from '../util/json.ts';

/** `reuse`: a cached result is taken as it is. */
export type Operation = 'create' | 'reuse' | 'update' | 'replace' | 'delete' | 'attach' | 'detach' | 'forget';

/** What the worker tells the front, one JSON object a line; `apply --json` prints the same. Names after Terraform's machine-readable UI. */
export type Event = {
  readonly '@timestamp': string;
  readonly '@level': 'info' | 'warn' | 'error';
  readonly '@message': string;
} & EventBody;

export type EventBody =
  | { readonly type: 'version'; readonly dib: string; readonly ui: '1.0' }
  | {
      readonly type: 'planned_change';
      readonly change: { readonly resource: { readonly addr: string }; readonly action: Actions };
    }
  | {
      readonly type: 'resource_drift';
      readonly change: { readonly resource: { readonly addr: string }; readonly action: Actions };
    }
  | { readonly type: 'planned_teardown'; readonly teardown: TeardownStep }
  | { readonly type: 'apply_start'; readonly hook: Hook }
  | { readonly type: 'apply_progress'; readonly hook: Hook & { readonly elapsed_seconds: number; readonly message?: string } }
  | { readonly type: 'apply_complete'; readonly hook: Hook & { readonly elapsed_seconds: number; readonly outputs: JsonObject } }
  | { readonly type: 'apply_errored'; readonly hook: Hook & { readonly elapsed_seconds: number } }
  | { readonly type: 'apply_profile'; readonly hook: Hook; readonly steps: readonly TimedStep[] }
  | { readonly type: 'apply_skipped'; readonly hook: Hook }
  | { readonly type: 'diagnostic'; readonly diagnostic: Diagnostic }
  | {
      readonly type: 'change_summary';
      readonly changes: {
        readonly add: number;
        readonly change: number;
        readonly remove: number;
        readonly operation: 'plan' | 'apply' | 'destroy';
      };
    }
  | { readonly type: 'outputs'; readonly outputs: JsonObject };

export interface Hook {
  readonly resource: { readonly addr: string; readonly kind: string; readonly name: string };
  readonly action: Operation;
  /** Log file of the action. */
  readonly log?: string;
}
