import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskLayout } from '../../../src/blockdev/devices.ts';
import { resolveStack } from '../../../src/blockdev/layout.ts';
import { parseBlockDevices } from '../../../src/blockdev/parse.ts';
import type { OutputConfig } from '../../../src/config/image.ts';
import { DibError } from '../../../src/diagnostics/errors.ts';
import type { Runner } from '../../../src/exec/command.ts';
import { hostMachine } from '../../../src/exec/host-machine.ts';
import { createRunner } from '../../../src/exec/run.ts';
import { topologicalOrder } from '../../../src/graph/dag.ts';
import { DeviceGuard } from '../../../src/kinds/device-guard.ts';
import { diskResources } from '../../../src/kinds/disk-graph.ts';
import { diskKinds } from '../../../src/kinds/disk-kinds.ts';
import type {
  ActionContext,
  Attachment,
  Kind,
  Outputs,
  Paths,
  Realisation,
  RecordedResource,
  Resource,
} from '../../../src/kinds/kind.ts';
import { NO_KEYS } from '../../../src/kinds/secret-keys.ts';
import type { Json, JsonObject } from '../../../src/util/json.ts';

export const EPOCH = 1_700_000_000;

export interface ImageUnderTest {
  readonly blockDevice: readonly Json[];
  readonly tree: string;
  readonly realisation?: Realisation;
  readonly outputs?: readonly Partial<OutputConfig>[];
  readonly bootloader?: boolean;
  /** Keys of LUKS containers by name. */
  readonly keys?: ReadonlyMap<string, Uint8Array>;
}

/** A stand-in for the engine: runs kinds in graph order, one by one, and remembers what they gave. */
export class MiniEngine {
  readonly paths: Paths;
  readonly resources: readonly Resource[];
  readonly layouts: readonly DiskLayout[];
  readonly records = new Map<string, RecordedResource>();
  readonly messages: string[] = [];
  readonly run: Runner['run'] = createRunner().run;
  readonly #host = hostMachine('');
  readonly #kinds: ReadonlyMap<string, Kind>;
  readonly #base: string;

  constructor(image: ImageUnderTest) {
    this.#base = mkdtempSync('/var/tmp/dib-kinds-');
    const at = (name: string): string => {
      mkdirSync(join(this.#base, name));
      return join(this.#base, name);
    };
    this.paths = {
      image: at('image'),
      state: at('state'),
      work: join(this.#base, 'state/work'),
      cache: at('cache'),
      scratch: at('scratch'),
    };
    const devices = must(parseBlockDevices(image.blockDevice, { imageName: 'test', locate: () => undefined }));
    const sizes = new Map(devices.disks.map(({ name, size }) => [name, typeof size === 'object' ? size.bytes : 0]));
    const stack = must(resolveStack(devices, sizes));
    this.layouts = stack.disks;
    const outputs = (image.outputs ?? []).map(
      (each): OutputConfig => ({
        format: 'raw',
        path: `web.${each.format ?? 'raw'}`,
        compression: 'none',
        pointer: '/outputs/0',
        ...each,
      }),
    );
    const realisation = Object.fromEntries(devices.disks.map(({ name }) => [name, image.realisation ?? 'offline']));
    const input = { devices, stack, realisation, outputs, tree: 'layer.finalise', epoch: EPOCH };
    this.resources = topologicalOrder(diskResources({ ...input, bootloader: image.bootloader ?? false }));
    this.#kinds = new Map(
      diskKinds({
        trees: { mountTree: async () => image.tree, close: async () => {} },
        secrets: { key: (name) => keyOf(image, name) },
        devices: new DeviceGuard([]),
      }).map((kind) => [kind.kind, kind]),
    );
  }

  kind(name: string): Kind {
    const kind = this.#kinds.get(name);
    if (kind === undefined) throw new Error(`no kind ${name}`);
    return kind;
  }

  file(disk = 'image0'): string {
    return join(this.paths.work, `${disk}.raw`);
  }

  context(address: string): ActionContext {
    return {
      address,
      paths: this.paths,
      signal: new AbortController().signal,
      previous: this.records.get(address),
      run: this.run,
      machine: async () => ({ ...this.#host, run: this.run }),
      outputs: (wanted) => (wanted === 'layer.finalise' ? { layers: ['x'], size: 0 } : this.record(wanted).outputs),
      attachment: (wanted) => this.record(wanted).attachment?.outputs ?? {},
      progress: (message) => void this.messages.push(message),
      log: () => {},
      warn: () => {},
      profile: () => {},
      openShell: async () => {},
      intend: async () => {},
    };
  }

  record(address: string): RecordedResource {
    const record = this.records.get(address);
    if (record === undefined) throw new Error(`${address} is not recorded`);
    return record;
  }

  async apply(): Promise<this> {
    for (const resource of this.resources) await this.create(resource);
    return this;
  }

  async create(resource: Resource): Promise<Outputs> {
    const kind = this.kind(resource.kind);
    const attach = kind.needsAttached?.(resource.inputs) ?? false;
    if (attach) for (const address of this.below(resource)) await this.attach(address);
    try {
      const outputs = await kind.create(resource.inputs, this.context(resource.address)).catch(explain);
      const { address, name, inputs, dependsOn } = resource;
      const keyDocument = { kind: resource.kind, inputs, dependencies: {} };
      const record = {
        address,
        kind: resource.kind,
        name,
        inputs,
        dependsOn,
        keyDocument,
        key: '',
        status: 'created' as const,
        outputs,
      };
      this.records.set(address, record);
      return outputs;
    } finally {
      if (attach) for (const address of this.below(resource).reverse()) await this.detach(address);
    }
  }

  /** Dependencies, direct or not, in graph order. */
  below(resource: Resource): string[] {
    const wanted = new Set<string>();
    const visit = (address: string): void => {
      if (wanted.has(address)) return;
      wanted.add(address);
      this.resources.find((each) => each.address === address)?.dependsOn.forEach(visit);
    };
    resource.dependsOn.forEach(visit);
    return this.resources.map(({ address }) => address).filter((address) => wanted.has(address));
  }

  async attach(address: string): Promise<Outputs | undefined> {
    const record = this.record(address);
    const outputs = await this.kind(record.kind).attach?.(record, this.context(address));
    if (outputs !== undefined) this.setAttachment(address, { status: 'attached', bootId: 'now', outputs });
    return outputs;
  }

  setAttachment(address: string, attachment: Attachment | undefined): void {
    this.records.set(address, { ...this.record(address), attachment });
  }

  async detach(address: string): Promise<void> {
    const record = this.record(address);
    await this.kind(record.kind).detach?.(record, this.context(address));
    this.setAttachment(address, undefined);
  }

  async destroy(): Promise<void> {
    for (const { address, kind } of [...this.resources].reverse()) {
      const record = this.records.get(address);
      if (record !== undefined) await this.kind(kind).destroy(record, this.context(address));
    }
  }

  /** Removes everything; refuses to delete below anything still mounted. */
  async close(): Promise<void> {
    const { stdout } = await this.run({ argv: ['findmnt', '--noheadings', '--output', 'TARGET', '--raw'] });
    if (stdout.includes(this.#base)) throw new Error(`still mounted:\n${stdout}`);
    rmSync(this.#base, { recursive: true, force: true });
  }

  inputs<T extends JsonObject>(address: string): T {
    const found = this.resources.find((each) => each.address === address);
    if (found === undefined) throw new Error(`no resource ${address}`);
    return found.inputs as T;
  }
}

async function keyOf({ keys }: ImageUnderTest, name: string): Promise<Uint8Array> {
  return keys?.get(name) ?? (await NO_KEYS.key(name));
}

/** Puts what a program printed into the message of a failed test. */
function explain(error: unknown): never {
  if (error instanceof DibError && error.diagnostics.some(({ code }) => code === 'DIB_EXEC_FAILED')) {
    throw new Error(error.diagnostics.map(({ summary, detail, help }) => [summary, detail, help].join('\n')).join('\n'));
  }
  throw error;
}

function must<T>(checked: { value?: T | undefined; diagnostics: readonly { summary: string }[] }): T {
  if (checked.value === undefined) throw new Error(checked.diagnostics.map(({ summary }) => summary).join('\n'));
  return checked.value;
}

/** Loop devices and mounts of the machine: the same before and after each test. */
export async function machineState(): Promise<string> {
  const { run } = createRunner();
  const loops = await run({ argv: ['losetup', '--list', '--noheadings', '--output', 'NAME,BACK-FILE'] });
  const mounts = await run({ argv: ['findmnt', '--noheadings', '--raw', '--output', 'TARGET,SOURCE,FSTYPE'] });
  const ours = (text: string): string =>
    text
      .split('\n')
      .filter((line) => line.includes('dib-kinds-'))
      .join('\n');
  return ours(loops.stdout) + ours(mounts.stdout);
}
