import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { StackLayout } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { resolveSizes } from '../../../src/blockdev/resolve-sizes.ts';
import { DibError } from '../../../src/diagnostics/errors.ts';
import { forAction } from '../../../src/engine/machines.ts';
import type { Machine } from '../../../src/exec/machine.ts';
import { createRunner } from '../../../src/exec/run.ts';
import { topologicalOrder, withDependencies } from '../../../src/graph/dag.ts';
import { DeviceGuard } from '../../../src/kinds/device-guard.ts';
import { diskResources } from '../../../src/kinds/disk-graph.ts';
import { diskKinds } from '../../../src/kinds/disk-kinds.ts';
import type {
  ActionContext,
  Attachment,
  Kind,
  Outputs,
  Paths,
  Presence,
  Realisation,
  RecordedResource,
  Resource,
} from '../../../src/kinds/kind.ts';
import type { Json, JsonObject } from '../../../src/util/json.ts';

export interface StackOptions {
  readonly realisation: Realisation;
  /** Behave as on a machine that has devices of others. */
  readonly shared?: boolean;
  /** Keys of LUKS containers. */
  readonly keys?: Readonly<Record<string, string>>;
}

/** A tree needs a root file system; here it is no matter what is in it, so it is never made. */
const ELSEWHERE: readonly Json[] = [
  { local_loop: { name: 'elsewhere', size: '1GiB' } },
  { mkfs: { name: 'elsewhere_fs', base: 'elsewhere', type: 'ext4', mount: { mount_point: '/' } } },
];

/** Runs kinds on a tree of block devices in graph order, one by one, with everything attached in one machine, and remembers what the state would. */
export class StackEngine {
  readonly paths: Paths;
  readonly stack: StackLayout;
  readonly resources: readonly Resource[];
  readonly records = new Map<string, RecordedResource>();
  readonly #kinds: ReadonlyMap<string, Kind>;
  readonly #machine: Machine;
  readonly #base: string;
  #readOnly = false;

  constructor(machine: Machine, directory: string, tree: readonly Json[], options: StackOptions) {
    this.#machine = options.shared === true ? { ...shareable(machine), shared: true } : machine;
    this.#base = mkdtempSync(join(directory, 'stack-'));
    const at = (name: string): string => {
      mkdirSync(join(this.#base, name));
      return join(this.#base, name);
    };
    this.paths = {
      image: this.#base,
      state: at('state'),
      work: join(this.#base, 'work'),
      cache: at('cache'),
      scratch: at('scratch'),
    };
    const devices = must(parseBlockDevices([...tree, ...ELSEWHERE], { imageName: 'test', locate: () => undefined }));
    this.stack = must(resolveStack(devices, resolveSizes(devices).disks));
    const resources = topologicalOrder(
      diskResources({
        devices,
        stack: this.stack,
        realisation: Object.fromEntries(devices.disks.map(({ name }) => [name, options.realisation])),
        outputs: [],
        tree: 'layer.finalise',
        epoch: 1_700_000_000,
        bootloader: false,
        keyFingerprints: Object.fromEntries(Object.keys(options.keys ?? {}).map((name) => [name, 'test'])),
      }),
    );
    const isElsewhere = ({ address }: Resource) => withDependencies([address], resources).has('local_loop.elsewhere');
    this.resources = resources.filter((resource) => !isElsewhere(resource));
    const key = async (name: string) => Buffer.from(options.keys?.[name] ?? '');
    const noTree = async () => Promise.reject(new Error('no file system here holds a tree'));
    const kinds = diskKinds({
      trees: { mountTree: noTree, close: async () => {} },
      secrets: { key },
      devices: new DeviceGuard([]),
    });
    this.#kinds = new Map(kinds.map((kind) => [kind.kind, kind]));
  }

  kind(address: string): Kind {
    const kind = this.#kinds.get(address.split('.')[0] ?? '');
    if (kind === undefined) throw new Error(`no kind of ${address}`);
    return kind;
  }

  resource(address: string): Resource {
    const found = this.resources.find((resource) => resource.address === address);
    if (found === undefined) throw new Error(`no resource ${address}`);
    return found;
  }

  record(address: string): RecordedResource {
    const record = this.records.get(address);
    if (record === undefined) throw new Error(`${address} is not recorded`);
    return record;
  }

  /** Device node of something attached. */
  device(address: string): string {
    return String(this.record(address).attachment?.outputs['device']);
  }

  context(address: string): ActionContext {
    const runner = createRunner();
    return {
      address,
      paths: this.paths,
      signal: new AbortController().signal,
      readOnly: this.#readOnly,
      run: (command) => runner.run(command),
      machine: async () => forAction(this.#machine, {}),
      outputs: (wanted) => this.record(wanted).outputs,
      attachment: (wanted) => {
        const { attachment } = this.record(wanted);
        if (attachment?.status !== 'attached') throw new Error(`${wanted} is not attached`);
        return attachment.outputs;
      },
      progress: () => {},
      log: () => {},
      warn: () => {},
      profile: () => {},
      openShell: async () => {},
      intend: async (marker) => {
        const record = this.record(address);
        const { attachment } = record;
        this.records.set(address, attachment ? { ...record, attachment: { ...attachment, marker } } : { ...record, marker });
      },
    };
  }

  /** Makes everything, or all up to a resource. */
  async apply(last?: string): Promise<this> {
    for (const resource of this.resources) {
      await this.create(resource.address);
      if (resource.address === last) break;
    }
    await this.detachAll();
    return this;
  }

  async create(address: string): Promise<Outputs> {
    const { kind, name, inputs, dependsOn } = this.resource(address);
    const keyDocument = { kind, inputs, dependencies: {} };
    const record = { address, kind, name, inputs, dependsOn, keyDocument, key: '', outputs: {} };
    const maker = this.kind(address);
    if (maker.needsAttached?.(inputs) === true) for (const below of this.below(address)) await this.attach(below);
    if (maker.needsDetached?.(inputs) === true) await this.detachAll();
    this.records.set(address, { ...record, status: 'creating' });
    if (maker.attachesWhileCreating === true) this.setAttachment(address, { status: 'attaching', bootId: '', outputs: {} });
    try {
      const outputs = await maker.create(inputs, this.context(address)).catch(explain);
      this.records.set(address, { ...this.record(address), status: 'created', outputs });
      return outputs;
    } finally {
      if (maker.attachesWhileCreating === true) await this.detach(address);
    }
  }

  /** Dependencies, direct or not, in graph order. */
  below(address: string): string[] {
    const wanted = new Set<string>();
    const visit = (each: string): void => {
      if (wanted.has(each)) return;
      wanted.add(each);
      this.resources.find((resource) => resource.address === each)?.dependsOn.forEach(visit);
    };
    this.resource(address).dependsOn.forEach(visit);
    return this.resources.map((resource) => resource.address).filter((each) => wanted.has(each));
  }

  /** Attaches a resource and all below it. */
  async attachWithBelow(address: string, readOnly = false): Promise<string> {
    this.#readOnly = readOnly;
    for (const each of [...this.below(address), address]) await this.attach(each);
    return this.device(address);
  }

  async attach(address: string): Promise<void> {
    const attach = this.kind(address).attach;
    if (attach === undefined || this.record(address).attachment?.status === 'attached') return;
    this.setAttachment(address, { status: 'attaching', bootId: '', outputs: {}, readOnly: this.#readOnly });
    const outputs = await attach(this.record(address), this.context(address)).catch(explain);
    this.setAttachment(address, { status: 'attached', bootId: '', outputs, readOnly: this.#readOnly });
  }

  /** Attaches as a run does that is killed before it can record what it attached. */
  async attachInterrupted(address: string): Promise<void> {
    this.setAttachment(address, { status: 'attaching', bootId: '', outputs: {} });
    await this.kind(address).attach?.(this.record(address), this.context(address)).catch(explain);
  }

  setAttachment(address: string, attachment: Attachment | undefined): void {
    this.records.set(address, { ...this.record(address), attachment });
  }

  async detach(address: string): Promise<void> {
    await this.kind(address).detach?.(this.record(address), this.context(address)).catch(explain);
    this.setAttachment(address, undefined);
  }

  async detachAll(): Promise<void> {
    for (const { address } of [...this.resources].reverse()) {
      if (this.records.get(address)?.attachment !== undefined) await this.detach(address);
    }
  }

  async probe(address: string): Promise<Presence> {
    return await this.kind(address).probe(this.record(address), this.paths);
  }

  async destroy(): Promise<void> {
    await this.detachAll();
    for (const { address } of [...this.resources].reverse()) {
      const record = this.records.get(address);
      if (record !== undefined) await this.kind(address).destroy(record, this.context(address));
    }
    rmSync(this.#base, { recursive: true });
  }

  inputs<T extends JsonObject>(address: string): T {
    return this.resource(address).inputs as T;
  }
}

/** Spreading a class instance would lose its methods. */
function shareable(machine: Machine): Machine {
  return {
    name: machine.name,
    bootId: machine.bootId,
    shared: machine.shared,
    run: (command, options) => machine.run(command, options),
    see: (file) => machine.see(file),
    close: () => machine.close(),
  };
}

/** Puts what a program printed into the message of a failed test. */
function explain(error: unknown): never {
  if (error instanceof DibError) {
    const text = error.diagnostics.map(({ code, summary, detail, help }) => [code, summary, detail, help].join('\n')).join('\n');
    throw new Error(text, { cause: error });
  }
  throw error;
}

function must<T>(checked: { value?: T | undefined; diagnostics: readonly { summary: string }[] }): T {
  if (checked.value === undefined) throw new Error(checked.diagnostics.map(({ summary }) => summary).join('\n'));
  return checked.value;
}
