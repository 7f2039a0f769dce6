import type { Phase } from '../elements/element.ts';

/** How long one step of a layer took. */
export interface TimedStep {
  readonly phase: Phase;
  /** File name of the hook, or what else was done: `install 3 packages`. */
  readonly name: string;
  /** Element of a hook. */
  readonly element?: string | undefined;
  readonly seconds: number;
}

/** The steps as a table, in the order in which they ran, with the sum; empty where there are none. */
export function profileTable(steps: readonly TimedStep[]): string {
  if (steps.length === 0) return '';
  const total = steps.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = [
    ['SECONDS', 'STEP', 'ELEMENT'],
    ...steps.map(({ phase, name, element, seconds }) => [seconds.toFixed(3), `${phase}/${name}`, element ?? '']),
    [total.toFixed(3), 'total', ''],
  ] as [string, string, string][];
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const line = ([seconds, step, element]: [string, string, string]) =>
    `${seconds.padStart(width(0))}  ${step.padEnd(width(1))}  ${element}`.trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}
