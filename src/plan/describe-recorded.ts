import { formatBytes } from '../blockdev/sizes.ts';
import type { RecordedResource } from '../kinds/kind.ts';
import type { JsonObject } from '../util/json.ts';

/** What a recorded resource is, in one line, from its record alone: nothing of its declaration may be left. Empty for kinds that say nothing more than their address. */
export function describeRecorded({ kind, inputs, outputs, key }: RecordedResource): string {
  switch (kind) {
    case 'layer':
      return key === '' ? '' : `layer ${key.slice(0, 12)} of the cache`;
    case 'source':
      return `${text(inputs['type'])} ${text(inputs['location'])} ${text(outputs['revision']).slice(0, 12)}`;
    case 'local_loop':
      return `disk file${sized(inputs, 'size')}`;
    case 'disk':
      return `existing disk ${text(inputs['path'])}${sized(outputs, 'size')}`;
    case 'partition':
      return `partition${sized(inputs, 'length')} of ${text(inputs['disk'])}`;
    case 'partitioning':
      return `${text(inputs['label']).toUpperCase()} on ${text(inputs['disk'])}`;
    case 'mkfs':
      return `${text(inputs['type'])} "${text(inputs['label'])}" on ${text(inputs['device'])}`;
    case 'mount':
      return `${text(inputs['type'])} of ${text(inputs['device'])}${inputs['type'] === 'swap' ? '' : ` at ${text(inputs['mountPoint'])}`}`;
    case 'fstab':
      return `/etc/fstab: ${text(inputs['line'])}`;
    case 'output':
      return text(outputs['path'] ?? inputs['path']);
    default:
      return '';
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '?';
}

function sized(inputs: JsonObject, member: string): string {
  const bytes = inputs[member];
  return typeof bytes === 'number' ? ` of ${formatBytes(bytes)}` : '';
}
