import type { Judge } from './machine.ts';

export type Row = Readonly<Record<string, string>>;

/** What blkid finds on devices without its cache: a paragraph of NAME=value for each. */
export async function blkid(judge: Judge, devices: readonly string[]): Promise<Row[]> {
  const text = await judge.run('blkid', '--probe', '--output', 'export', ...devices);
  return text.split('\n\n').map((paragraph) => {
    const all = Object.fromEntries(paragraph.split('\n').map((line) => line.split(/=(.*)/s) as [string, string]));
    return Object.fromEntries(
      ['DEVNAME', 'TYPE', 'UUID', 'LABEL'].flatMap((key) => (all[key] === undefined ? [] : [[key, all[key]]])),
    );
  });
}

/** Rows in an order that does not depend on who reports them. */
export function sorted(rows: readonly Row[]): Row[] {
  const key = (row: Row) => JSON.stringify(Object.entries(row).sort());
  return rows.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}
