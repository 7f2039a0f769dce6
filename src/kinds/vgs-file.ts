import type { PlacedPhysicalVolume, PlacedVolume } from '../blockdev/devices.ts';
import { PV_START } from '../blockdev/lvm-layout.ts';
import { lvmPieces } from '../blockdev/lvm-metadata.ts';
import type { JsonObject } from '../util/json.ts';
import { type FileExtent, known, type VgsInputs } from './disk-inputs.ts';
import { clearExtents, extentsOf, slice, writeToExtents } from './extents.ts';
import type { ActionContext, Outputs } from './kind.ts';

interface Placed {
  readonly pvs: readonly PlacedPhysicalVolume[];
  readonly lvs: readonly (PlacedVolume & { readonly id: string; readonly volume: string })[];
}

/** Writes labels and metadata of a whole group, with all its volumes, into the files that its physical volumes lie in. */
export async function writeGroup(inputs: VgsInputs, context: ActionContext): Promise<readonly (readonly FileExtent[])[]> {
  const placed = known<Placed & JsonObject>(
    inputs.placed as (Placed & JsonObject) | '(known after apply)',
    `layout of ${inputs.name}`,
  );
  const { name, id, extentSize, epoch } = inputs;
  const members = placed.pvs.map((pv) => {
    const input = inputs.pvs.find(({ address }) => address === `pvs.${pv.name}`);
    if (input === undefined) throw new Error(`${inputs.name} has no physical volume ${pv.name}`);
    return { ...pv, id: input.id, extents: pv.extents, device: input.device };
  });
  const pieces = lvmPieces({ name, id, extentSize, epoch, pvs: members, lvs: placed.lvs });
  const areas: (readonly FileExtent[])[] = [];
  for (const { name: pv, device } of members) {
    const area = metadataArea(context.outputs(device));
    if (area === undefined) throw new Error(`${device} is no file`);
    await clearExtents(context, area);
    await writeToExtents(area, pieces.get(pv) ?? []);
    areas.push(area);
  }
  return areas;
}

/** Where label and metadata of a physical volume lie, before its first extent; undefined where only the kernel knows. */
export function metadataArea(device: Outputs): readonly FileExtent[] | undefined {
  const extents = extentsOf(device);
  return extents && slice(extents, 0, PV_START);
}
