import type { ReadBytes } from './signatures.ts';

/** A volume group as the metadata on one of its physical volumes has it: lvm2, lib/format_text/. */
export interface RecordedGroup {
  readonly name: string;
  /** 32 characters with dashes in six places, as all ids here. */
  readonly id: string;
  /** Raised by each change. */
  readonly seqno: number;
  readonly pvs: readonly { readonly id: string }[];
  readonly lvs: readonly { readonly name: string; readonly id: string }[];
}

/** A section of LVM's metadata: values and further sections by name. */
interface Section {
  readonly [name: string]: Value;
}
type Value = string | number | readonly Value[] | Section;

const SECTOR = 512;
/** Where the first metadata area starts when its place is not given otherwise: lvm2 has always put it there. */
const AREA = 4096;
/** Larger metadata is damage, not metadata. */
const LONGEST = 64 * 1024 * 1024;

/**
 * Reads the volume group from a physical volume. Undefined where there is no metadata area, it holds no group, or it is damaged: then there is
 * no group that could be relied on. struct mda_header and raw_locn: lvm2, lib/format_text/layout.h.
 */
export async function readVolumeGroup(read: ReadBytes): Promise<RecordedGroup | undefined> {
  const header = Buffer.from(await read(AREA, SECTOR));
  if (header.length < SECTOR || header.toString('latin1', 4, 20) !== ' LVM2 x[5A%r0N*>') return undefined;
  const [areaSize, offset, length] = [24 + 8, 24 + 16, 24 + 24].map((at) => Number(header.readBigUInt64LE(at)));
  if (areaSize === undefined || offset === undefined || length === undefined) return undefined;
  if (length === 0 || length > LONGEST || offset < SECTOR || offset >= areaSize) return undefined;
  // The text goes round: what does not fit before the end of the area stands behind its header.
  const first = Math.min(length, areaSize - offset);
  const parts = [await read(AREA + offset, first), first < length ? await read(AREA + SECTOR, length - first) : Buffer.alloc(0)];
  const text = Buffer.concat(parts).toString('utf8');
  try {
    return groupOf(parseLvmText(text));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function groupOf(top: Section): RecordedGroup | undefined {
  const found = Object.entries(top).find(([, value]) => isSection(value) && typeof value['seqno'] === 'number');
  if (found === undefined) return undefined;
  const [name, group] = found as [string, Section];
  const members = (section: Value | undefined) =>
    Object.entries(isSection(section) ? section : {}).flatMap(([member, value]) =>
      isSection(value) ? [{ name: member, id: String(value['id'] ?? '') }] : [],
    );
  return {
    name,
    id: String(group['id'] ?? ''),
    seqno: Number(group['seqno']),
    pvs: members(group['physical_volumes']).map(({ id }) => ({ id })),
    lvs: members(group['logical_volumes']),
  };
}

function isSection(value: Value | undefined): value is Section {
  return typeof value === 'object' && !Array.isArray(value);
}

/** Parses LVM's configuration format (lvm.conf(5)) as far as metadata uses it. Throws SyntaxError. */
export function parseLvmText(text: string): Section {
  const tokens = [...text.replace(/\0[\s\S]*$/, '').matchAll(TOKEN)]
    .map(([token]) => token)
    .filter((token) => !/^[\s#]/.test(token));
  let at = 0;
  const next = (): string => {
    const token = tokens[at++];
    if (token === undefined) throw new SyntaxError('the metadata ends too early');
    return token;
  };
  const value = (): Value => {
    const token = next();
    if (token.startsWith('"')) return token.slice(1, -1).replaceAll(/\\(.)/g, '$1');
    if (token === '[') return list();
    if (!/^-?\d+(\.\d+)?$/.test(token)) throw new SyntaxError(`${token} is no value`);
    return Number(token);
  };
  const list = (): Value[] => {
    const items: Value[] = [];
    while (tokens[at] !== ']') {
      items.push(value());
      if (tokens[at] === ',') at += 1;
    }
    at += 1;
    return items;
  };
  const section = (end: string | undefined): Section => {
    const members: Record<string, Value> = {};
    while (tokens[at] !== end) {
      const name = next();
      if (!/^[\w.+-]+$/.test(name)) throw new SyntaxError(`${name} is no name`);
      const sign = next();
      if (sign !== '=' && sign !== '{') throw new SyntaxError(`${sign} after ${name}`);
      members[name] = sign === '=' ? value() : section('}');
    }
    at += 1;
    return members;
  };
  return section(undefined);
}

/** White space, comments, texts, signs, words: whatever is none of these is a token of its own, and wrong. */
const TOKEN = /\s+|#[^\n]*|"(?:\\.|[^"\\])*"|[=[\]{},]|[\w.+-]+|[\s\S]/g;
