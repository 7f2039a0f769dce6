import type { ChalkInstance } from 'chalk';
import type { RecordedResource } from '../kinds/kind.ts';

/** One attached resource, for people and programs. */
export interface AttachedRow {
  readonly address: string;
  readonly kind: string;
  /** Device node, where it is one. */
  readonly device?: string | undefined;
  /** Directory that it is mounted at. */
  readonly mounted_at?: string | undefined;
  /** Where that is in the image. */
  readonly mount_point?: string | undefined;
}

/** What is attached, in the order of the records given. */
export function attachedRows(resources: readonly RecordedResource[]): readonly AttachedRow[] {
  return resources
    .filter(({ attachment }) => attachment?.status === 'attached')
    .map(({ address, kind, inputs, attachment }) => {
      const { device, target, mounted } = attachment?.outputs ?? {};
      const { mountPoint } = inputs;
      return {
        address,
        kind,
        ...(typeof device === 'string' && { device }),
        ...(typeof target === 'string' && mounted !== false && { mounted_at: target }),
        ...(typeof mountPoint === 'string' && { mount_point: mountPoint }),
      };
    });
}

/** Device nodes, then mount points: a line each. */
export function renderAttached(rows: readonly AttachedRow[], readOnly: boolean, colour: ChalkInstance): string {
  const devices = rows.filter(({ device }) => device !== undefined);
  const mounts = rows.filter(
    ({ device, mount_point }) => device === undefined && mount_point !== undefined && mount_point !== 'none',
  );
  const width = Math.max(0, ...rows.map(({ address }) => address.length));
  const line = (address: string, where: string) => `  ${colour.bold(address.padEnd(width))}  ${where}`;
  const parts = [
    ['Devices:', ...devices.map(({ address, device }) => line(address, device ?? ''))],
    ['Mounts:', ...mounts.map((row) => line(row.address, mountText(row)))],
  ].filter((part) => part.length > 1);
  const access = readOnly ? 'read-only' : colour.yellow('read-write: what is changed now will be undone by the next `dib apply`');
  return `Attached until \`dib detach\`, ${access}.\n\n${parts.map((part) => part.join('\n')).join('\n\n')}\n`;
}

function mountText({ mount_point, mounted_at }: AttachedRow): string {
  return mounted_at === undefined ? `${mount_point} (not mounted here)` : `${mount_point} at ${mounted_at}`;
}
