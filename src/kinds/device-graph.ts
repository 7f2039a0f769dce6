import { type BlockDevices, type DiskLayout, NO_DEVICES, type PlacedDevice, type StackLayout } from '../blockdev/devices.ts';
import { disksUnder, foundations } from '../blockdev/stacks.ts';
import type { SourceRange } from '../diagnostics/diagnostic.ts';
import type { JsonObject } from '../util/json.ts';
import type { Later, Place } from './disk-inputs.ts';
import { type Realisation, type Resource, UNKNOWN } from './kind.ts';

/** The devices of an image with what is known of their sizes, and how they are made. */
export interface DeviceGraphInput {
  readonly devices: BlockDevices;
  /** Everything placed; a device that is not in it has a size that is only known after apply. */
  readonly stack: StackLayout;
  /** By name of the disk; default offline. */
  readonly realisation: Readonly<Record<string, Realisation>>;
  /** Finds a declaration by its JSON pointer inside `block_device`. */
  readonly locateDevice?: ((pointer: string) => SourceRange | undefined) | undefined;
}

/** Answers what the resources of a stack need to know of the devices below them. */
export class DeviceGraph {
  readonly devices: BlockDevices;
  readonly #input: DeviceGraphInput;
  readonly #addresses: ReadonlyMap<string, string>;
  readonly #placed: ReadonlyMap<string, PlacedDevice>;
  readonly #foundations: ReadonlyMap<string, readonly string[]>;

  constructor(input: DeviceGraphInput) {
    this.#input = input;
    this.devices = { ...NO_DEVICES, ...input.devices };
    this.#placed = new Map(input.stack.devices.map((device) => [device.name, device]));
    this.#addresses = deviceAddresses(this.devices);
    this.#foundations = foundations(this.devices);
  }

  /** Address of a device by its name. */
  address(name: string): string {
    const address = this.#addresses.get(name);
    if (address === undefined) throw new Error(`there is no device ${name}`);
    return address;
  }

  source(pointer: string): SourceRange | undefined {
    return this.#input.locateDevice?.(pointer);
  }

  layout(disk: string): DiskLayout | undefined {
    return this.#input.stack.disks.find((layout) => layout.disk === disk);
  }

  group(name: string): StackLayout['groups'][number] | undefined {
    return this.#input.stack.groups.find(({ group }) => group === name);
  }

  /** Names of the disks that a device lies on. */
  disksUnder(name: string): ReadonlySet<string> {
    return disksUnder(this.devices, name);
  }

  /** Names of the device itself and of all that it stands on. */
  withBelow(name: string): ReadonlySet<string> {
    return new Set([name, ...(this.#foundations.get(name) ?? []).flatMap((each) => [...this.withBelow(each)])]);
  }

  /** How a device is made: all disks under it are made the same way. */
  realisation(name: string): Realisation {
    return [...this.disksUnder(name)].some((disk) => this.#input.realisation[disk] === 'attached') ? 'attached' : 'offline';
  }

  /** Bytes of a device. */
  size(name: string): Later {
    return this.#placed.get(name)?.size ?? UNKNOWN;
  }

  sectorSize(name: string): 512 | 4096 {
    const known = this.#placed.get(name)?.sectorSize;
    if (known !== undefined) return known === 4096 ? 4096 : 512;
    const disks = this.disksUnder(name);
    return this.devices.disks.find((disk) => disks.has(disk.name))?.blockSize ?? 512;
  }

  /** Where the bytes of a device lie; undefined where they are written through an attached device. */
  place(name: string): Place | typeof UNKNOWN | undefined {
    if (this.realisation(name) === 'attached') return undefined;
    const { extents } = this.#placed.get(name) ?? {};
    if (extents === undefined) return UNKNOWN;
    return extents.map(({ container, offset, length }) => ({ container: this.address(container), offset, length }));
  }
}

function deviceAddresses(devices: BlockDevices): Map<string, string> {
  return new Map([
    ...devices.disks.map((disk): [string, string] => [disk.name, `${disk.plugin}.${disk.name}`]),
    ...devices.tables.flatMap((table) => table.partitions.map(({ name }): [string, string] => [name, `partition.${name}`])),
    ...devices.raids.map(({ name }): [string, string] => [name, `raid.${name}`]),
    ...devices.luks.map(({ name }): [string, string] => [name, `luks.${name}`]),
    ...devices.lvs.map(({ name }): [string, string] => [name, `lvs.${name}`]),
  ]);
}

/** A resource of the graph; each dependency once. */
export function resource(
  kind: string,
  name: string,
  inputs: JsonObject,
  dependsOn: readonly string[],
  description: string,
  source?: SourceRange | undefined,
): Resource {
  return {
    address: `${kind}.${name}`,
    kind,
    name,
    inputs,
    dependsOn: [...new Set(dependsOn)],
    description,
    ...(source && { source }),
  };
}
