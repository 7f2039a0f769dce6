/** Whether something can be started here, from what can be read: nothing is run. */
export interface Capability {
  readonly ok: boolean;
  /** Why, or why not, as part of a sentence. */
  readonly reason: string;
  readonly help?: string | undefined;
}
