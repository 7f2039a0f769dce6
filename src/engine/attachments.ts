import { withDependencies } from '../graph/dag.ts';
import type { RecordedResource } from '../kinds/kind.ts';
import { findResource } from '../state/state.ts';
import { recordAttached, recordAttaching, recordDetached, recordDetaching } from '../state/transitions.ts';
import { kindOf, perform, type Surroundings } from './actions.ts';
import { teardownOrder } from './walk.ts';

/**
 * Attaches what actions need, once, and detaches it again. All changes go one after another; an attachment that is in use is not detached.
 * The state knows of each before it is made and until it is gone.
 */
export class Attachments {
  readonly #surroundings: Surroundings;
  readonly #users = new Map<string, number>();
  #queue: Promise<unknown> = Promise.resolve();
  #wake: () => void = () => {};

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Attaches all that a resource depends on, lowest first, runs `body`, and keeps it attached for others. */
  async with<T>(dependsOn: readonly string[], body: () => Promise<T>): Promise<T> {
    const needed = this.#closure(dependsOn);
    const addresses = needed.map((resource) => resource.address);
    // Counted within the queue: whoever waits there for the count to fall would wait for ever for one who stands behind.
    await this.#serially(async () => {
      for (const address of addresses) await this.#attach(address);
      this.#count(addresses, 1);
    });
    try {
      return await body();
    } finally {
      this.#count(addresses, -1);
      this.#wake();
    }
  }

  /** Runs `make` for a resource that it leaves attached (Kind.attachesWhileCreating), and detaches it. */
  async creating<T>(address: string, make: () => Promise<T>): Promise<T> {
    const { store, machines } = this.#surroundings;
    const { bootId } = await machines.open();
    await store.update((state) => recordAttaching(state, address, bootId));
    const detach = () => this.#serially(() => this.#detach(findResource(store.current, address) as RecordedResource));
    let result: T;
    try {
      result = await make();
    } catch (error) {
      // What cannot be detached stays recorded; why it could not be made matters more.
      await detach().catch(() => {});
      throw error;
    }
    await detach();
    return result;
  }

  /** Detaches all that a resource depends on, once nobody uses it. */
  async without(dependsOn: readonly string[]): Promise<void> {
    const below = new Set(this.#closure(dependsOn).map((resource) => resource.address));
    await this.#serially(async () => {
      while ([...below].some((address) => (this.#users.get(address) ?? 0) > 0)) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      // What stands on them goes first, even when the resource itself does not depend on it.
      for (const resource of this.#attached()) {
        const stands = withDependencies([resource.address], this.#surroundings.store.current.resources);
        if ([...stands].some((address) => below.has(address))) await this.#detach(resource);
      }
    });
  }

  /** Attaches everything that is created and wanted. */
  async attachAll(wanted: (resource: RecordedResource) => boolean = () => true): Promise<void> {
    const { store, kinds } = this.#surroundings;
    const isWanted = (resource: RecordedResource) =>
      resource.status === 'created' && kinds.get(resource.kind)?.attach !== undefined && wanted(resource);
    await this.with(
      store.current.resources.filter(isWanted).map(({ address }) => address),
      async () => {},
    );
  }

  /** Detaches everything, deepest first; goes on after a failure and gives all of them. */
  async detachAll(): Promise<readonly { readonly address: string; readonly error: unknown }[]> {
    const failures: { address: string; error: unknown }[] = [];
    await this.#serially(async () => {
      for (const resource of this.#attached()) {
        try {
          await this.#detach(resource);
        } catch (error) {
          failures.push({ address: resource.address, error });
        }
      }
    });
    return failures;
  }

  #closure(addresses: readonly string[]): RecordedResource[] {
    const { store, kinds } = this.#surroundings;
    const wanted = withDependencies(addresses, store.current.resources);
    const order = teardownOrder(store.current.resources).reverse();
    return order.filter((resource) => wanted.has(resource.address) && kinds.get(resource.kind)?.attach !== undefined);
  }

  #attached(): RecordedResource[] {
    return teardownOrder(this.#surroundings.store.current.resources).filter((resource) => resource.attachment !== undefined);
  }

  async #attach(address: string): Promise<void> {
    const { store, kinds, machines, readOnly } = this.#surroundings;
    const resource = findResource(store.current, address);
    if (resource === undefined) return;
    const machine = await machines.open();
    // What the record says of another boot went with it, or is on another machine.
    const earlier = resource.attachment?.bootId === machine.bootId ? resource.attachment : undefined;
    if (earlier?.status === 'attached') return;
    if (earlier !== undefined || machines.ofBoot(resource.attachment?.bootId ?? '') !== undefined) await this.#detach(resource);
    const kind = kindOf(kinds, resource);
    await perform(this.#surroundings, { ...identity(resource), operation: 'attach' }, async (context) => {
      const state = await store.update((current) => recordAttaching(current, address, machine.bootId, readOnly));
      const outputs = (await kind.attach?.(findResource(state, address) as RecordedResource, context)) ?? {};
      await store.update((current) => recordAttached(current, address, outputs));
      return outputs;
    });
  }

  async #detach(resource: RecordedResource): Promise<void> {
    const { store, kinds, machines } = this.#surroundings;
    const { address } = resource;
    const machine = machines.ofBoot(resource.attachment?.bootId ?? '');
    if (machine !== undefined) {
      const kind = kindOf(kinds, resource);
      const action = { ...identity(resource), operation: 'detach' as const, teardown: true, machine };
      await perform(this.#surroundings, action, async (context) => {
        // Where the state cannot be written any more, it is detached all the same: the record then says more than there is, which every run looks at.
        const recording = await store.update((state) => recordDetaching(state, address)).catch((error: unknown) => ({ error }));
        await kind.detach?.(resource, context);
        if ('error' in recording) throw recording.error;
        return {};
      });
    }
    await store.update((state) => recordDetached(state, address));
  }

  #count(addresses: readonly string[], change: 1 | -1): void {
    for (const address of addresses) this.#users.set(address, (this.#users.get(address) ?? 0) + change);
  }

  #serially<T>(body: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(body);
    this.#queue = result.catch(() => {});
    return result;
  }
}

export function identity(resource: RecordedResource): { address: string; kind: string; name: string } {
  return { address: resource.address, kind: resource.kind, name: resource.name };
}
