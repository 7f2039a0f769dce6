import type { SecretKeys } from '../kinds/secret-keys.ts';
import type { SecretsMessage } from './protocol.ts';

/** Keys as the front sends them. Whoever asks before they are there waits. */
export class ReceivedKeys implements SecretKeys {
  readonly #received: Promise<ReadonlyMap<string, Uint8Array>>;
  #resolve: (keys: ReadonlyMap<string, Uint8Array>) => void = () => {};

  constructor() {
    this.#received = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  receive({ keys }: SecretsMessage): void {
    this.#resolve(new Map(Object.entries(keys).map(([name, text]) => [name, Buffer.from(text, 'base64')])));
  }

  /** No more will come: the front is gone, or has something else to say. */
  end(): void {
    this.#resolve(new Map());
  }

  async key(name: string): Promise<Uint8Array> {
    const key = (await this.#received).get(name);
    if (key === undefined) throw new Error(`the front did not send the key of ${name}`);
    return key;
  }
}
