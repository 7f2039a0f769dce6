/** The keys of LUKS containers. They come from the front over a pipe and are only ever held in memory. */
export interface SecretKeys {
  /** The key of a container by its name. Rejects when the front did not send it, which would be a bug: it knows what the plan needs. */
  key(name: string): Promise<Uint8Array>;
}

/** What kinds that need keys are given. */
export interface KeyAccess {
  readonly secrets: SecretKeys;
}

/** For planning and destroying, which need no key. */
export const NO_KEYS: SecretKeys = {
  key: (name) => Promise.reject(new Error(`the key of ${name} was not sent`)),
};
