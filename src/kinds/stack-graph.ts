import type { LogicalVolume, Luks, PhysicalVolume, Raid, VolumeGroup } from '../blockdev/devices.ts';
import { raidGeometry } from '../blockdev/raid-layout.ts';
import { formatBytes } from '../blockdev/sizes.ts';
import { type DeviceGraph, resource } from './device-graph.ts';
import type {
  ContainerContent,
  EncryptInputs,
  Later,
  LuksHeader,
  LuksHeaderInputs,
  LuksInputs,
  LvsInputs,
  PvsInputs,
  RaidInputs,
  VgsInputs,
} from './disk-inputs.ts';
import { type Resource, UNKNOWN } from './kind.ts';

/** Fingerprints of the keys of LUKS containers, by name. */
export type KeyFingerprints = Readonly<Record<string, string>>;

/** Arrays, containers and volumes: what stands between the partitions and the file systems. */
export function stackResources(graph: DeviceGraph, fingerprints: KeyFingerprints): Resource[] {
  const { raids, luks, pvs, vgs, lvs } = graph.devices;
  return [
    ...raids.map((raid) => raidResource(raid, graph)),
    ...luks.map((container) => luksResource(container, graph, fingerprints)),
    ...pvs.map((pv) => pvsResource(pv, graph)),
    ...vgs.map((group) => vgsResource(group, graph)),
    ...lvs.map((volume) => lvsResource(volume, graph)),
  ];
}

/**
 * What turns containers and what was written into them into LUKS: the header, which is made meanwhile, and the encryption, once all is written.
 * `content`: of each container by its name.
 */
export function encryptResources(graph: DeviceGraph, content: ReadonlyMap<string, readonly ContainerContent[]>): Resource[] {
  return graph.devices.luks
    .filter(({ name }) => graph.realisation(name) === 'offline')
    .flatMap((container) => {
      const { name, base, pointer } = container;
      const [luks, device, header] = [graph.address(name), graph.address(base), headerOf(container, graph)];
      const headerInputs: LuksHeaderInputs = { luks, header };
      const inputs: EncryptInputs = { luks, device, header, content: content.get(name) ?? [] };
      const dependsOn = [luks, device, `luks_header.${name}`, ...inputs.content.map(({ address }) => address)];
      const about = `content of ${luks}, encrypted into ${device}`;
      return [
        resource('luks_header', name, headerInputs, [luks], `header of ${luks}, with its key`, graph.source(pointer)),
        resource('encrypt', name, inputs, dependsOn, about, graph.source(pointer)),
      ];
    });
}

function sized(size: Later): string {
  return size === UNKNOWN ? `size ${UNKNOWN}` : formatBytes(size);
}

function raidResource(raid: Raid, graph: DeviceGraph): Resource {
  const sizes = raid.base.map((member) => graph.size(member));
  const known = sizes.filter((size) => size !== UNKNOWN);
  const geometry = known.length < sizes.length ? undefined : raidGeometry(raid, known);
  const inputs: RaidInputs = {
    name: raid.name,
    members: raid.base.map((member) => graph.address(member)),
    level: raid.level,
    metadata: raid.metadata,
    chunk: raid.chunk,
    uuid: raid.uuid,
    componentSize: geometry === undefined ? UNKNOWN : geometry.component,
    dataOffset: geometry === undefined ? UNKNOWN : geometry.dataOffset,
    size: geometry?.size ?? UNKNOWN,
    sectorSize: graph.sectorSize(raid.name),
    zeroed: graph.devices.disks.every(({ name, plugin }) => plugin === 'local_loop' || !graph.disksUnder(raid.name).has(name)),
    options: raid.options,
  };
  const about = `RAID ${raid.level} of ${sized(inputs.size)} over ${inputs.members.join(', ')}`;
  return resource('raid', raid.name, inputs, inputs.members, about, graph.source(raid.pointer));
}

function luksResource(container: Luks, graph: DeviceGraph, fingerprints: KeyFingerprints): Resource {
  const inputs: LuksInputs = {
    ...headerOf(container, graph),
    name: container.name,
    device: graph.address(container.base),
    key: { ...container.key },
    keyFingerprint: fingerprints[container.name] ?? UNKNOWN,
    size: graph.size(container.name),
    realisation: graph.realisation(container.name),
  };
  const about = `LUKS2 container of ${sized(inputs.size)} on ${inputs.device}`;
  return resource('luks', container.name, inputs, [inputs.device], about, graph.source(container.pointer));
}

function headerOf({ name, uuid, label, cipher, keySize, pbkdf, iterTime, pbkdfMemory }: Luks, graph: DeviceGraph): LuksHeader {
  return { uuid, label, cipher, keySize, pbkdf, iterTime, pbkdfMemory, sectorSize: graph.sectorSize(name) };
}

function pvsResource(pv: PhysicalVolume, graph: DeviceGraph): Resource {
  const inputs: PvsInputs = {
    device: graph.address(pv.base),
    id: pv.id,
    options: pv.options,
    realisation: graph.realisation(pv.base),
  };
  const about = `physical volume on ${inputs.device}`;
  return resource('pvs', pv.name, inputs, [inputs.device], about, graph.source(pv.pointer));
}

/** LVM's metadata have a time: one that no build changes, 2000-01-01. */
const METADATA_EPOCH = 946_684_800;

function vgsResource(group: VolumeGroup, graph: DeviceGraph): Resource {
  const members = group.base.flatMap((name) => graph.devices.pvs.find((pv) => pv.name === name) ?? []);
  const realisation = members[0] === undefined ? 'offline' : graph.realisation(members[0].base);
  const pvs = members.map(({ name, base, id }) => ({ address: `pvs.${name}`, device: graph.address(base), id }));
  const inputs: VgsInputs = {
    name: group.name,
    id: group.id,
    extentSize: group.extentSize,
    pvs,
    ...(realisation === 'offline' ? { placed: placedGroup(group, graph) } : { volumes: declaredVolumes(group, graph) }),
    epoch: METADATA_EPOCH,
    options: group.options,
    realisation,
  };
  const dependsOn = pvs.flatMap(({ address, device }) => [address, device]);
  const about = `volume group over ${pvs.map(({ device }) => device).join(', ')}`;
  return resource('vgs', group.name, inputs, dependsOn, about, graph.source(group.pointer));
}

function declaredVolumes(group: VolumeGroup, graph: DeviceGraph): NonNullable<VgsInputs['volumes']> {
  return graph.devices.lvs
    .filter(({ base }) => base === group.name)
    .map(({ volume, type, size, pool, options }) => ({ volume, type, size, options, ...(pool !== undefined && { pool }) }));
}

function placedGroup(group: VolumeGroup, graph: DeviceGraph): VgsInputs['placed'] {
  const placed = graph.group(group.name);
  if (placed === undefined) return UNKNOWN;
  const volumeOf = (name: string) => graph.devices.lvs.find((volume) => volume.name === name);
  return {
    pvs: placed.pvs.map((pv) => ({ ...pv })),
    lvs: placed.lvs.map((lv) => ({ ...lv, id: volumeOf(lv.name)?.id ?? '', volume: volumeOf(lv.name)?.volume ?? lv.name })),
  };
}

function lvsResource(volume: LogicalVolume, graph: DeviceGraph): Resource {
  const placed = graph.group(volume.base)?.lvs.find(({ name }) => name === volume.name);
  const group = `vgs.${volume.base}`;
  const pool = volume.pool === undefined ? undefined : `lvs.${volume.pool}`;
  const place = graph.place(volume.name);
  const inputs: LvsInputs = {
    group,
    volume: volume.volume,
    id: volume.id,
    type: volume.type,
    extents: placed?.extents ?? UNKNOWN,
    size: placed?.size ?? UNKNOWN,
    sectorSize: graph.sectorSize(volume.name),
    ...(pool !== undefined && { pool }),
    ...(placed?.metadata !== undefined && { metadata: placed.metadata }),
    ...(place !== undefined && { place }),
    options: volume.options,
    realisation: graph.realisation(volume.name),
  };
  const containers = Array.isArray(place) ? place.map(({ container }) => container as string) : [];
  const dependsOn = [group, ...(pool === undefined ? [] : [pool]), ...containers];
  const about = `${WORDS[volume.type]} of ${sized(inputs.size)} in ${pool ?? group}`;
  return resource('lvs', volume.name, inputs, dependsOn, about, graph.source(volume.pointer));
}

const WORDS = { linear: 'logical volume', thin: 'thin volume', 'thin-pool': 'thin pool' } as const;
