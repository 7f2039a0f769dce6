import { type Alias, isAlias, isMap, isScalar, isSeq, type ParsedNode, type YAMLMap } from 'yaml';
import type { Locator } from '../../diagnostics/diagnostic.ts';
import { pointerKeys } from '../../diagnostics/pointer.ts';
import type { SourceText } from '../../diagnostics/source-text.ts';

interface Place {
  readonly key: ParsedNode | null;
  readonly value: ParsedNode | null;
}

export interface SourceTree {
  readonly locate: Locator;
  readonly sourceText: (pointer: string) => string | undefined;
}

/** Finds values of a document by JSON pointer. Values behind an alias are found where they are written. */
export function locatorOf(root: ParsedNode, targets: ReadonlyMap<Alias, ParsedNode>, source: SourceText): SourceTree {
  const maps = new WeakMap<object, Map<string, Place>>();

  function follow(node: ParsedNode | null): ParsedNode | null {
    return node !== null && isAlias(node) ? (targets.get(node as Alias) ?? null) : node;
  }

  function member(node: ParsedNode | null, key: string): Place | undefined {
    const holder = follow(node);
    if (isSeq(holder)) {
      const value = /^\d{1,9}$/u.test(key) ? (holder.items[Number(key)] as ParsedNode | undefined) : undefined;
      return value === undefined ? undefined : { key: null, value };
    }
    if (!isMap(holder)) return undefined;
    let members = maps.get(holder);
    if (members === undefined) {
      members = membersOf(holder as YAMLMap.Parsed);
      maps.set(holder, members);
    }
    return members.get(key);
  }

  function find(pointer: string): Place | undefined {
    let place: Place | undefined = { key: null, value: root };
    for (const key of pointerKeys(pointer)) {
      place = member(place.value, key);
      if (place === undefined) return undefined;
    }
    return place;
  }

  function range(node: ParsedNode | null) {
    if (node === null) return undefined;
    const [start, end] = node.range;
    const written = source.text.slice(start, end).trimEnd().length;
    return written === 0 ? undefined : source.range(start, start + written);
  }

  /** An item that nothing is written of is shown at its dash. */
  function dashOf(node: ParsedNode | null) {
    if (node === null) return source.firstLine();
    const before = source.text.slice(0, node.range[0]).trimEnd().length;
    return source.range(Math.max(0, before - 1), before);
  }

  return {
    locate: (pointer, part = 'value') => {
      const place = find(pointer);
      if (place === undefined) return undefined;
      if (pointer === '') return source.firstLine();
      const written = part === 'key' ? (range(place.key) ?? range(place.value)) : (range(place.value) ?? range(place.key));
      return written ?? dashOf(place.value);
    },
    sourceText: (pointer) => {
      const node = follow(find(pointer)?.value ?? null);
      if (node === null) return undefined;
      const [start, end] = node.range;
      return start === end ? undefined : source.text.slice(start, end);
    },
  };
}

function membersOf(map: YAMLMap.Parsed): Map<string, Place> {
  const members = new Map<string, Place>();
  for (const pair of map.items) {
    const key = pair.key as ParsedNode | null;
    if (!isScalar(key)) continue;
    const name = String(key.value);
    if (!members.has(name)) members.set(name, { key, value: pair.value as ParsedNode | null });
  }
  return members;
}
