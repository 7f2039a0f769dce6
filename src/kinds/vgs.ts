import { type RecordedGroup, readVolumeGroup } from '../blockdev/lvm-text.ts';
import type { JsonObject } from '../util/json.ts';
import { statOrUndefined } from './disk-file.ts';
import type { FileExtent, VgsInputs } from './disk-inputs.ts';
import { clearRecordedExtents, readFromExtents } from './extents.ts';
import type { Kind, Presence, RecordedResource, Requirement } from './kind.ts';
import { isSealed } from './luks-file.ts';
import { createGroupCommand } from './lvm-commands.ts';
import { lvmRequirements } from './pvs.ts';
import { attachGroup, createGroup, detachGroup, type GroupAttachment } from './vgs-attached.ts';
import { metadataArea, writeGroup } from './vgs-file.ts';

/** Outputs of `vgs.NAME`. */
export interface VgsOutputs extends JsonObject {
  readonly name: string;
  /** LVM's 32 characters without dashes. */
  readonly id: string;
  /** Bytes. */
  readonly extentSize: number;
  /** Names of its volumes in LVM. */
  readonly volumes: readonly string[];
  /** Where label and metadata of each physical volume lie, as far as that is in files. */
  readonly areas: readonly (readonly FileExtent[])[];
}

/** A volume group. Offline, its metadata with all volumes, written as bytes. */
export const vgs: Kind = {
  kind: 'vgs',
  requires: (inputs) => groupRequirements(inputs as VgsInputs),
  commands(inputs) {
    const group = inputs as VgsInputs;
    // Offline the bytes are written by dib itself; there is no command to show.
    if (group.realisation === 'offline') return [];
    return [
      createGroupCommand(
        group,
        group.name,
        group.pvs.map(({ device }) => `<${device}>`),
      ),
    ];
  },
  needsAttached: (inputs) => (inputs as VgsInputs).realisation === 'attached',
  needsDetached: (inputs) => (inputs as VgsInputs).realisation === 'offline',
  probe: (recorded) => probeGroup(recorded),
  probeLost: (recorded) => probeLost(recorded),

  async create(inputs, context): Promise<VgsOutputs> {
    const group = inputs as VgsInputs;
    const { name, extentSize } = group;
    const volumes = volumeNames(group);
    if (group.realisation === 'offline')
      return { name, id: group.id, extentSize, volumes, areas: await writeGroup(group, context) };
    const id = await createGroup(group, context);
    const areas = group.pvs.flatMap(({ device }) => {
      const area = metadataArea(context.outputs(device));
      return area === undefined ? [] : [area];
    });
    return { name, id, extentSize, volumes, areas };
  },

  async destroy(recorded, context) {
    const { areas } = recorded.outputs as Partial<VgsOutputs>;
    for (const area of areas ?? []) await clearRecordedExtents(context, area);
  },

  attach: (recorded, context) => attachGroup(recorded, (recorded.outputs as VgsOutputs).id, context),
  detach: (recorded, context) => detachGroup(recorded, context),
};

function groupRequirements({ realisation }: VgsInputs): readonly Requirement[] {
  const fallocate = { need: 'tool', name: 'fallocate', package: 'util-linux', why: 'clears parts of the disk file' } as const;
  return [...lvmRequirements(realisation), fallocate];
}

function volumeNames({ placed, volumes }: VgsInputs): string[] {
  const all = volumes ?? (typeof placed === 'object' ? placed.lvs : []);
  return all.map(({ volume }) => String(volume));
}

async function probeGroup(recorded: RecordedResource): Promise<Presence> {
  const { name, id, areas } = recorded.outputs as VgsOutputs;
  const attached = { ...recorded.attachment?.marker, ...recorded.attachment?.outputs } as Partial<GroupAttachment>;
  for (const area of areas) {
    if (await isSealed(area)) continue;
    for (const { file } of area) if ((await statOrUndefined(file)) === undefined) return { state: 'absent' };
    const where = area[0]?.file ?? '';
    const found = await readVolumeGroup((offset, length) => readFromExtents(area, offset, length));
    if (found === undefined) return { state: 'drifted', reason: `there is no volume group in ${where} any more` };
    if (found.id.replaceAll('-', '') !== id) return { state: 'drifted', reason: `${where} is in the volume group ${found.name}` };
    // Its private name goes when it is detached.
    if (found.name !== name && found.name !== attached.group)
      return { state: 'drifted', reason: `the volume group in ${where} is called ${found.name}` };
    // Attached, each missing one can be made again by itself.
    const missing = missingVolume(recorded, found);
    if (missing !== undefined)
      return { state: 'drifted', reason: `the volume group in ${where} has no volume ${missing} any more` };
  }
  return { state: 'present' };
}

function missingVolume({ inputs, outputs }: RecordedResource, { lvs }: RecordedGroup): string | undefined {
  if ((inputs as VgsInputs).realisation === 'attached') return undefined;
  return (outputs as VgsOutputs).volumes.find((volume) => !lvs.some(({ name }) => name === volume));
}

/** A power cut leaves a group the private name that it had while it was attached. */
async function probeLost(recorded: RecordedResource): Promise<Presence> {
  const { marker, outputs, readOnly } = recorded.attachment ?? {};
  const { group, finalName } = { ...marker, ...outputs } as Partial<GroupAttachment>;
  const found = await probeGroup({ ...recorded, attachment: undefined });
  if (found.state !== 'present' || readOnly === true || group === finalName) return found;
  const { areas } = recorded.outputs as VgsOutputs;
  const isSeen = areas.length > 0 && !(await Promise.all(areas.map((area) => isSealed(area)))).includes(true);
  if (isSeen) return found;
  return { state: 'drifted', reason: `the machine went down while it had the name ${group}` };
}
