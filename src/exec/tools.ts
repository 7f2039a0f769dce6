import { readFileSync } from 'node:fs';

/**
 * What a program is for. `build`: the default build cannot do without. `optional`: some images and commands need it.
 * `distro`: some distribution or architecture needs it, and not every release of Debian has the package: never installed unasked. `test`: dib's own tests. `bench`: dib's own benchmarks.
 */
export type ToolKind = 'build' | 'optional' | 'distro' | 'test' | 'bench';

/** A program of the host, or a file that a package brings. The set-up scripts read the same table. */
export interface Tool {
  /** Name looked up on PATH; for a file only a name to show. */
  readonly name: string;
  /** Other programs that dib runs and that are there wherever this one is. */
  readonly also?: readonly string[] | undefined;
  /** Debian package that has it. */
  readonly package: string;
  readonly kind: ToolKind;
  /** What needs it, as the end of "NAME: ...". */
  readonly why: string;
  /** Arguments that make it print its version. */
  readonly version?: readonly string[] | undefined;
  /** Absolute path that must exist, in place of a program on PATH. A `*` at its end stands for any characters. */
  readonly file?: string | undefined;
  /** Needed only without root. */
  readonly unprivilegedOnly?: boolean | undefined;
}

let table: readonly Tool[] | undefined;

/** Every tool that dib knows, in the order in which doctor shows them. */
export function toolTable(): readonly Tool[] {
  table ??= JSON.parse(readFileSync(new URL('../exec/tools.json', import.meta.url), 'utf8')) as Tool[];
  return table;
}

/** The table's row for a program. */
export function findTool(program: string): Tool | undefined {
  return toolTable().find((tool) => tool.name === program || tool.also?.includes(program) === true);
}

/** The Debian package with a program, if dib knows it. */
export function packageOf(program: string): string | undefined {
  return findTool(program)?.package;
}
