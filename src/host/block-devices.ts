import type { HostFiles } from './files.ts';

/** A block device of the kernel, as sysfs has it: linux, Documentation/ABI/stable/sysfs-block. */
export interface BlockDevice {
  /** The kernel's name: `loop3`, `loop3p1`, `dm-0`, `md127`. */
  readonly name: string;
  /** Where it is found: `/dev/loop3`, `/dev/mapper/NAME`. */
  readonly node: string;
  /** `major:minor`. */
  readonly number: string;
  /** Of a partition: name of its disk. */
  readonly disk?: string | undefined;
  /** Names of devices that stand on it. */
  readonly holders: readonly string[];
  /** Names of devices that it stands on. */
  readonly slaves: readonly string[];
  readonly loop?: LoopBacking | undefined;
  readonly dm?: Mapping | undefined;
  readonly md?: { readonly level: string; readonly uuid: string } | undefined;
}

/** A device of device-mapper. */
export interface Mapping {
  readonly name: string;
  readonly uuid: string;
}

/** What a bound loop device shows. */
export interface LoopBacking {
  /**
   * Its path as the kernel has it. Of a file that was opened in a mount namespace which is gone, the path begins at the root of its file system
   * instead of the machine's.
   */
  readonly file: string;
  /** `major:minor inode` of the file, if that is known. */
  readonly numbers?: string | undefined;
  /** The file has no name any more: its name, if there is one, is another file's. */
  readonly deleted: boolean;
  readonly offset: number;
  /** Bytes; 0: to the end of the file. */
  readonly length: number;
}

/** Who made a mapping: LVM and cryptsetup put their mark before the uuid. */
export function makerOf({ uuid }: Mapping): 'lvm' | 'luks' | 'dm' {
  if (uuid.startsWith('LVM-')) return 'lvm';
  return uuid.startsWith('CRYPT-') ? 'luks' : 'dm';
}

/** Whether a path is a name of a device: of a mapping, besides that in /dev/mapper, the kernel's own. */
export function isNodeOf(path: string, { node, name }: BlockDevice): boolean {
  return path === node || path === nodeOf(name);
}

/** The kernel writes `!` where its name for a device has a slash. */
function nodeOf(name: string): string {
  return `/dev/${name.replaceAll('!', '/')}`;
}

const BLOCK = '/sys/block';

/** All block devices with their partitions. Loop devices that are not bound are left out. */
export async function readBlockDevices(host: HostFiles): Promise<readonly BlockDevice[]> {
  const devices = (await Promise.all((await host.list(BLOCK)).map((name) => readDevice(host, name)))).flat();
  if (!devices.some(({ loop }) => loop !== undefined)) return devices;
  const files = await host.loopFiles();
  return devices.map((device) =>
    device.loop === undefined ? device : { ...device, loop: { ...device.loop, numbers: files.get(device.node) } },
  );
}

async function readDevice(host: HostFiles, name: string): Promise<readonly BlockDevice[]> {
  const directory = `${BLOCK}/${name}`;
  const entries = await host.list(directory);
  const loop = await readLoop(host, directory);
  if (loop === undefined && /^loop\d+$/.test(name)) return [];
  const [common, dm, md] = await Promise.all([
    readCommon(host, directory, name),
    entries.includes('dm') ? readMapping(host, directory) : undefined,
    entries.includes('md') ? readArray(host, directory) : undefined,
  ]);
  const device: BlockDevice = { ...common, loop, dm, md, ...(dm === undefined ? {} : { node: `/dev/mapper/${dm.name}` }) };
  const partitions = entries.filter((entry) => entry !== name && entry.startsWith(name));
  const children = partitions.map(
    async (partition): Promise<BlockDevice> => ({
      ...(await readCommon(host, `${directory}/${partition}`, partition)),
      disk: name,
    }),
  );
  return [device, ...(await Promise.all(children))];
}

async function readCommon(host: HostFiles, directory: string, name: string) {
  const [number, holders, slaves] = await Promise.all([
    host.read(`${directory}/dev`),
    host.list(`${directory}/holders`),
    host.list(`${directory}/slaves`),
  ]);
  return { name, node: nodeOf(name), number: number ?? '', holders, slaves };
}

/** The directory `loop` is there while the device is bound; a removed file has ` (deleted)` behind its path. */
async function readLoop(host: HostFiles, directory: string): Promise<LoopBacking | undefined> {
  const path = await host.read(`${directory}/loop/backing_file`);
  if (path === undefined) return undefined;
  const [offset, length] = await Promise.all([host.read(`${directory}/loop/offset`), host.read(`${directory}/loop/sizelimit`)]);
  const deleted = path.endsWith(' (deleted)');
  return { file: path.replace(/ \(deleted\)$/, ''), deleted, offset: Number(offset ?? 0), length: Number(length ?? 0) };
}

async function readMapping(host: HostFiles, directory: string): Promise<Mapping> {
  const [name, uuid] = await Promise.all([host.read(`${directory}/dm/name`), host.read(`${directory}/dm/uuid`)]);
  return { name: name ?? '', uuid: uuid ?? '' };
}

/** An array that was stopped may keep its node: it has no level then. */
async function readArray(host: HostFiles, directory: string): Promise<{ level: string; uuid: string } | undefined> {
  const [level, uuid, state] = await Promise.all(
    ['level', 'uuid', 'array_state'].map((member) => host.read(`${directory}/md/${member}`)),
  );
  return state === 'clear' ? undefined : { level: level ?? '', uuid: uuid ?? '' };
}
