import type { ToolKind } from '../exec/tools.ts';
import type { DoctorReport, ToolReport } from './doctor.ts';
import type { Feature } from './features.ts';

const TITLES: Readonly<Record<ToolKind, string>> = {
  build: 'Tools that every build needs',
  optional: 'Tools that some images and commands need',
  distro: 'What some distributions and architectures need, where this release of Debian has it',
  test: "Tools that dib's own tests need",
  bench: "Tools that dib's own benchmarks need",
};

/** Marks: found, missing and needed, missing but not needed, not tried. */
type Mark = 'ok' | 'MISSING' | 'missing' | 'unknown';

/** The report for people: one line for each tool and feature, then what to do. `install`: the command that brings what is missing. */
export function renderDoctor(report: DoctorReport, install: string | undefined): string {
  const lines: string[] = [];
  for (const kind of ['build', 'optional', 'distro', 'test', 'bench'] as const) {
    const rows = report.tools.filter(({ tool }) => tool.kind === kind).map(toolRow);
    if (rows.length > 0) lines.push(TITLES[kind], ...table(rows), '');
  }
  lines.push('Kernel', ...table(report.features.map(featureRow)), '');
  const helps = report.features.filter(({ needed, state, help }) => needed && state === 'missing' && help !== undefined);
  for (const { name, help } of helps) lines.push(`${name}: ${help}`);
  if (install !== undefined) lines.push(`To install what is missing: ${install}`);
  lines.push(verdict(report));
  return `${lines.join('\n')}\n`;
}

function verdict({ ok, root }: DoctorReport): string {
  const who = root ? 'as root' : 'without root';
  return ok ? `This host can build images ${who}.` : `This host cannot build images ${who} yet: see MISSING above.`;
}

function toolRow({ tool, path, version, needed }: ToolReport): readonly string[] {
  if (path !== undefined) return ['ok' satisfies Mark, tool.name, version ?? '', path, tool.why];
  return [needed ? 'MISSING' : ('missing' satisfies Mark), tool.name, '', `package ${tool.package}`, tool.why];
}

function featureRow({ name, state, detail, why, needed }: Feature): readonly string[] {
  const mark: Mark = state === 'found' ? 'ok' : state === 'unknown' ? 'unknown' : needed ? 'MISSING' : 'missing';
  return [mark, name, detail, why];
}

/** Columns as wide as their widest cell; the last one as it is. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => (row[column] ?? '').length)));
  return rows.map(
    (row) => `  ${row.map((cell, column) => cell.padEnd(column < row.length - 1 ? (widths[column] ?? 0) : 0)).join('  ')}`,
  );
}
