import type { ChalkInstance } from 'chalk';
import type { RecordedResource } from '../kinds/kind.ts';
import type { State } from '../state/state.ts';
import type { JsonObject } from '../util/json.ts';

/** What the state holds, for people: each resource with what came out of it. */
export function renderState(state: State, colour: ChalkInstance): string {
  const head = `Image ${colour.bold(state.image.name)} (${state.image.file}), serial ${state.serial}`;
  if (state.resources.length === 0) return `${head}\n\nNothing is recorded.\n`;
  return `${[head, ...state.resources.map((resource) => resourceText(resource, colour))].join('\n\n')}\n`;
}

function resourceText(resource: RecordedResource, colour: ChalkInstance): string {
  const notes = [
    ...(resource.status === 'created' ? [] : [resource.status]),
    ...(resource.attachment === undefined ? [] : [resource.attachment.status]),
  ];
  const title = `# ${colour.bold(resource.address)}${notes.length === 0 ? '' : colour.yellow(` (${notes.join(', ')})`)}`;
  return [title, ...members(resource.outputs), ...members(resource.attachment?.outputs ?? {})].join('\n');
}

function members(object: JsonObject): string[] {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `  ${name.padEnd(width)} = ${JSON.stringify(value)}`);
}
