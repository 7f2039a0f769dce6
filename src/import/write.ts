import { isAbsolute, relative, resolve } from 'node:path';
import { Document, isMap, isSeq, parseDocument, type Scalar, visit, type YAMLMap, YAMLSeq } from 'yaml';
import type { Json } from '../util/json.ts';
import type { Imported, ImportedLayout } from './imported.ts';

/** Columns: mappings that fit are written on one line. */
const WIDTH = 100;

/** Where paths of the origin count from, and where image.yaml will lie; both absolute. */
export interface Whereabouts {
  readonly from: string;
  readonly to: string;
}

/** The text of an image.yaml, with comments that say what came from where and what did not come. */
export function writeImage(imported: Imported, { from, to }: Whereabouts): string {
  const place = (path: string): string => {
    if (isAbsolute(path) || from === to) return path;
    const moved = relative(to, resolve(from, path));
    return moved.startsWith('..') ? resolve(from, path) : moved;
  };
  const outputs = imported.outputs.map(({ format, path, compression }) => {
    const members = Object.fromEntries(
      Object.entries({ path: path === undefined ? undefined : place(path), compression }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    return Object.keys(members).length === 0 ? format : { format, ...members };
  });
  const document = new Document({});
  const top = document.contents as unknown as YAMLMap;
  const add = (key: string, value: unknown) => {
    const pair = document.createPair(key, value) as unknown as { key: Scalar<string> };
    const lines = imported.comments[key];
    if (lines !== undefined) pair.key.commentBefore = lines.map((line) => ` ${line}`).join('\n');
    top.items.push(pair as never);
  };
  add('apiVersion', 'dib/v1');
  add('name', imported.name);
  if (imported.distro !== undefined) add('distro', withoutAbsent(imported.distro));
  if (imported.elementsPath.length > 0) add('elements_path', imported.elementsPath.map(place));
  if (imported.skipBase) add('skip_base', true);
  add('elements', imported.elements);
  if (imported.packages.length > 0) add('packages', imported.packages);
  if (Object.keys(imported.environment).length > 0) add('environment', imported.environment);
  if (imported.blockDevice !== undefined) add('block_device', layoutNode(imported.blockDevice));
  add('outputs', outputs);
  compact(document);
  return `${head(imported)}${document.toString({ lineWidth: 0, flowCollectionPadding: false })}`;
}

function withoutAbsent(mapping: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(mapping).filter(([, value]) => value !== undefined));
}

/** A layout that needed no change keeps its comments. */
function layoutNode({ list, text }: ImportedLayout): unknown {
  const written = text === undefined ? undefined : parseDocument(text, { version: '1.2', resolveKnownTags: false }).contents;
  if (!(written instanceof YAMLSeq)) return list as Json;
  return written;
}

/** Short mappings and lists of plain values on one line, as people write them; the top level and long ones in blocks. */
function compact(document: Document): void {
  visit(document, {
    Collection: (_key, node, path) => {
      // The document, its mapping and the pair: what stands directly in image.yaml.
      if (path.length <= 1 || node.flow === true) return undefined;
      const key = path.at(-1) as { key?: Scalar<string> } | undefined;
      const owner = path.at(-2) as { key?: Scalar<string> } | undefined;
      if (key?.key?.value === 'block_device' || (isSeq(key) && owner?.key?.value === 'block_device')) return undefined;
      if (hasComments(node) || (isMap(node) && key?.key?.value === 'environment')) return undefined;
      const text = new Document(node.toJSON()).toString({ collectionStyle: 'flow', lineWidth: 0 });
      if (text.length > WIDTH) return undefined;
      node.flow = true;
      return undefined;
    },
  });
}

function hasComments(node: unknown): boolean {
  let found = false;
  visit(node as never, {
    Node: (_key, inner) => {
      if (inner.comment || inner.commentBefore) found = true;
      return found ? visit.BREAK : undefined;
    },
  });
  return found;
}

function head(imported: Imported): string {
  const lines = ['Written by `dib import` from:', ...imported.origin.map((line) => `  ${line}`)];
  if (imported.notes.length > 0) lines.push('', 'Not carried over as it was:');
  for (const { summary, detail, help } of imported.notes) {
    lines.push(`- ${summary}.`, ...[detail, help].filter((text) => text !== undefined).map((text) => `  ${text}`));
  }
  return lines.map((line) => (line === '' ? '#\n' : `# ${line.replaceAll('\n', ' ')}\n`)).join('');
}
