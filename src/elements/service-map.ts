import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml';
import type { SourceRange } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { distroFamily } from './package-map.ts';
import { type Problems, readText } from './problems.ts';
import type { FoundElement } from './search.ts';
import { nodeRange, parseProblems, wholeFile } from './yaml-file.ts';

/** Name of a service as elements use it -> its name in the distribution. */
export type ServiceMap = Readonly<Record<string, string>>;

const CODE = 'DIB_ELEMENT_SVC_MAP';

/**
 * Reads the `svc-map` files of all elements (YAML: `service: {distribution|family|default: name}`) and flattens them for one distribution: its own name
 * before its family's, before `default`; without any, the service keeps its name. Two elements may not map the same service.
 */
export function loadServiceMap(elements: readonly FoundElement[], distro: string, problems: Problems): ServiceMap {
  const services = new Map<
    string,
    { readonly name: string; readonly element: string; readonly range: SourceRange | undefined }
  >();
  for (const element of elements) {
    const file = join(element.directory, 'svc-map');
    if (!existsSync(file)) continue;
    for (const { service, names, range } of readServices(file, problems)) {
      const other = services.get(service);
      if (other !== undefined) {
        problems.error({
          code: CODE,
          summary: `The elements ${quoted(other.element)} and ${quoted(element.name)} both map the service ${quoted(service)}`,
          help: 'Remove it from one of the two files.',
          range,
          related: other.range === undefined ? undefined : [{ message: 'the other entry', range: other.range }],
        });
        continue;
      }
      const name = names.get(distro) ?? names.get(distroFamily(distro) ?? '') ?? names.get('default') ?? service;
      services.set(service, { name, element: element.name, range });
    }
  }
  const entries = [...services].map(([service, { name }]) => [service, name] as const);
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}

interface Service {
  readonly service: string;
  readonly names: ReadonlyMap<string, string>;
  readonly range: SourceRange | undefined;
}

function readServices(file: string, problems: Problems): Service[] {
  const text = readText(file, CODE, problems);
  if (text === undefined) return [];
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (parseProblems(document, lines, file, CODE, problems)) return [];
  const complain = (summary: string, node: Node | null | undefined): Service[] => {
    problems.error({
      code: CODE,
      summary,
      help: 'Write `service: {default: name, debian: other-name}`, one service an entry; the members are distributions, families and `default`.',
      range: nodeRange(file, lines, node) ?? wholeFile(file, text),
    });
    return [];
  };
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) return [];
  if (!isMap(document.contents)) return complain('A svc-map is a mapping of services', document.contents as Node);
  return (document.contents as YAMLMap<Node, Node | null>).items.flatMap(({ key, value }) => {
    const service = scalar(key);
    if (service === undefined || !isMap(value))
      return complain(`The service ${quoted(service ?? '')} has no names`, value ?? key);
    const names = new Map<string, string>();
    for (const pair of (value as YAMLMap<Node, Node | null>).items) {
      const [where, name] = [scalar(pair.key), scalar(pair.value)];
      // A name of two words could not be told from two services.
      if (where === undefined || name === undefined || /\s/.test(name))
        return complain(`The name of service ${quoted(service)} for ${quoted(where ?? '')} is no word`, pair.value ?? pair.key);
      names.set(where, name);
    }
    return [{ service, names, range: nodeRange(file, lines, key) }];
  });
}

/** The text of a scalar with something in it. */
function scalar(node: Node | null | undefined): string | undefined {
  if (!isScalar(node) || node.value === null || node.value === '') return undefined;
  return String(node.value);
}
