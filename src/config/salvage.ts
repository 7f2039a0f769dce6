import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { pointerKeys } from '../diagnostics/pointer.ts';
import type { Json, JsonObject } from '../util/json.ts';

/** An element that every image has anyway: in the place of one that cannot be read it changes nothing. */
const HARMLESS_ELEMENT = 'base';
const STAND_INS: Readonly<Record<string, Json>> = {
  apiVersion: 'dib/v1',
  name: 'image',
  distro: { name: 'debian', release: 'bookworm' },
};

/**
 * The image without its mistakes, so that what is right in it can be checked further and all problems show at once.
 * Positions of list items stay. Undefined where a mistake would make others appear that are none.
 */
export function salvage(root: Json, errors: readonly Diagnostic[]): Json | undefined {
  if (root === null || typeof root !== 'object' || Array.isArray(root)) return undefined;
  const image: Record<string, Json | undefined> = { ...(root as JsonObject) };
  const wrongElements = new Set<string>();
  const wrongVariables = new Set<string>();
  for (const { pointer } of errors) {
    if (pointer === undefined) return undefined;
    const [key, member, ...deeper] = pointerKeys(pointer);
    if (key === undefined) continue;
    if (key === 'elements_path') return undefined;
    if (key === 'elements' && member !== undefined) wrongElements.add(member);
    else if (key === 'environment' && member !== undefined && deeper.length === 0) wrongVariables.add(member);
    else delete image[key];
  }
  const { elements, environment } = image;
  if (Array.isArray(elements)) {
    image['elements'] = elements.map((item: Json, index) => (wrongElements.has(String(index)) ? HARMLESS_ELEMENT : item));
  }
  if (environment !== null && typeof environment === 'object') {
    image['environment'] = Object.fromEntries(Object.entries(environment).filter(([name]) => !wrongVariables.has(name)));
  }
  for (const [key, value] of Object.entries(STAND_INS)) {
    if (key !== 'distro' || (image[key] === undefined && (root as JsonObject)[key] !== undefined)) image[key] ??= value;
  }
  return image;
}
