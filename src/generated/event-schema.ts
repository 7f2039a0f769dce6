// Generated from schemas/event.schema.json by `npm run generate`: do not edit.

/**
 * One line of `dib apply --json` and `dib destroy --json`. Programs should skip types that they do not know.
 */
export type Event =
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * First line: who writes.
       */
      type: 'version';
      /**
       * Version of dib.
       */
      dib: string;
      /**
       * Version of this format.
       */
      ui: '1.0';
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * What the plan does to one resource.
       */
      type: 'planned_change';
      /**
       * The change.
       */
      change: {
        /**
         * The resource.
         */
        resource: {
          /**
           * Address.
           */
          addr: string;
        };
        /**
         * One or two verbs, as in the plan.
         */
        action: string[];
      };
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * Something changed outside of dib since it was recorded.
       */
      type: 'resource_drift';
      /**
       * The change.
       */
      change: {
        /**
         * The resource.
         */
        resource: {
          /**
           * Address.
           */
          addr: string;
        };
        /**
         * `update`: it is not what was recorded. `delete`: it is gone.
         */
        action: string[];
      };
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * Something stands on the image's files and is stopped first.
       */
      type: 'planned_teardown';
      /**
       * What it is, as in the plan.
       */
      teardown: {
        /**
         * Sort of thing.
         */
        what: 'mount' | 'swap' | 'lvm' | 'luks' | 'dm' | 'md' | 'loop' | 'other';
        /**
         * Mount point, or path of the device.
         */
        name: string;
        /**
         * About it, in words.
         */
        detail: string;
        /**
         * The command that stops it.
         */
        action: string;
        /**
         * Whether the state knows of it.
         */
        known: boolean;
      };
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * An action starts.
       */
      type: 'apply_start';
      /**
       * The action.
       */
      hook: {
        resource: Resource;
        action: Operation;
        /**
         * Log file of the action.
         */
        log?: string;
      };
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * An action goes on.
       */
      type: 'apply_progress';
      /**
       * The action.
       */
      hook: {
        resource: Resource;
        action: Operation;
        /**
         * Log file of the action.
         */
        log?: string;
        /**
         * Seconds since the action started.
         */
        elapsed_seconds: number;
        /**
         * What it does.
         */
        message?: string;
      };
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * An action succeeded.
       */
      type: 'apply_complete';
      /**
       * The action.
       */
      hook: {
        resource: Resource;
        action: Operation;
        /**
         * Log file of the action.
         */
        log?: string;
        /**
         * Seconds since the action started.
         */
        elapsed_seconds: number;
        /**
         * What it gave.
         */
        outputs: {};
      };
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * How long the steps of a layer took, when it is made or has failed.
       */
      type: 'apply_profile';
      /**
       * The action.
       */
      hook: {
        resource: Resource;
        action: Operation;
        /**
         * Log file of the action.
         */
        log?: string;
      };
      /**
       * In the order in which they ran.
       *
       * Items: One step.
       */
      steps: {
        /**
         * Phase, such as `install.d`.
         */
        phase: string;
        /**
         * File name of the hook, or what else was done.
         */
        name: string;
        /**
         * Element of the hook.
         */
        element?: string;
        /**
         * Seconds that it took.
         */
        seconds: number;
      }[];
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * An action failed; a diagnostic says why.
       */
      type: 'apply_errored';
      /**
       * The action.
       */
      hook: {
        resource: Resource;
        action: Operation;
        /**
         * Log file of the action.
         */
        log?: string;
        /**
         * Seconds since the action started.
         */
        elapsed_seconds: number;
      };
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * An action was not started: something that it needs failed, or the run was interrupted.
       */
      type: 'apply_skipped';
      /**
       * The action.
       */
      hook: {
        resource: Resource;
        action: Operation;
        /**
         * Log file of the action.
         */
        log?: string;
      };
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * A problem.
       */
      type: 'diagnostic';
      diagnostic: Diagnostic;
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * How many resources were changed.
       */
      type: 'change_summary';
      /**
       * Counts.
       */
      changes: {
        /**
         * Created.
         */
        add: number;
        /**
         * Changed.
         */
        change: number;
        /**
         * Destroyed.
         */
        remove: number;
        /**
         * What was done.
         */
        operation: 'plan' | 'apply' | 'destroy';
      };
    }
  | {
      '@timestamp': Timestamp;
      '@level': Level;
      '@message': Message;
      /**
       * What the run produced, by address.
       */
      type: 'outputs';
      /**
       * By address.
       */
      outputs: {};
    };
/**
 * RFC 3339, UTC.
 */
export type Timestamp = string;
/**
 * Severity.
 */
export type Level = 'info' | 'warn' | 'error';
/**
 * The event in words; for people, not stable.
 */
export type Message = string;
/**
 * What is done.
 */
export type Operation = 'create' | 'reuse' | 'update' | 'replace' | 'delete' | 'attach' | 'detach' | 'forget';

/**
 * A resource.
 */
export interface Resource {
  /**
   * Address, `kind.name`.
   */
  addr: string;
  /**
   * Kind.
   */
  kind: string;
  /**
   * Name.
   */
  name: string;
}
/**
 * A problem: what is wrong, why it matters, how to mend it.
 */
export interface Diagnostic {
  /**
   * Stable identifier.
   */
  code: string;
  /**
   * Severity.
   */
  severity: 'error' | 'warning';
  /**
   * What is wrong.
   */
  summary: string;
  /**
   * Why it matters.
   */
  detail?: string;
  /**
   * How to mend it.
   */
  help?: string;
  range?: Range;
  /**
   * JSON pointer into the configuration.
   */
  pointer?: string;
  /**
   * Address of the resource concerned.
   */
  address?: string;
  /**
   * Other places that matter.
   */
  related?: {
    /**
     * What is there.
     */
    message: string;
    range: Range;
  }[];
}
/**
 * A piece of a file.
 */
export interface Range {
  /**
   * Path.
   */
  file: string;
  start: Position;
  end: Position;
}
/**
 * Lines and columns count from 1, offsets from 0.
 */
export interface Position {
  /**
   * Line.
   */
  line: number;
  /**
   * Column, in UTF-16 code units.
   */
  column: number;
  /**
   * Offset, in UTF-16 code units.
   */
  offset: number;
}
