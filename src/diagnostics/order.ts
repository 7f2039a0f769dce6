import type { Diagnostic } from './diagnostic.ts';

/** More problems than these in one file are not read by anybody. */
export const MAX_DIAGNOSTICS_PER_FILE = 100;

/** Sorted by file, position, severity, code; those without a place come first. Equal ones are kept once. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const sorted = diagnostics.toSorted(compare);
  return sorted.filter((diagnostic, index) => {
    const before = sorted[index - 1];
    return before === undefined || compare(before, diagnostic) !== 0;
  });
}

/** The first problems of a sorted list, errors before warnings when some must go, and a last one that says how many were left out. */
export function capDiagnostics(sorted: readonly Diagnostic[], limit: number = MAX_DIAGNOSTICS_PER_FILE): readonly Diagnostic[] {
  if (sorted.length <= limit) return sorted;
  const errors = sorted.filter((diagnostic) => diagnostic.severity === 'error').slice(0, limit - 1);
  const room = limit - 1 - errors.length;
  const warnings = new Set(sorted.filter((diagnostic) => diagnostic.severity === 'warning').slice(0, room));
  const kept = sorted.filter((diagnostic) => warnings.has(diagnostic) || errors.includes(diagnostic));
  const last = kept.at(-1);
  return [
    ...kept,
    {
      code: 'DIB_CONFIG_TOO_MANY_PROBLEMS',
      severity: errors.length > 0 ? 'error' : 'warning',
      summary: `${sorted.length - kept.length} more problems are not shown`,
      help: 'Mend those above first.',
      range: last?.range,
    },
  ];
}

function compare(left: Diagnostic, right: Diagnostic): number {
  return (
    text(left.range?.file ?? '', right.range?.file ?? '') ||
    (left.range?.start.offset ?? -1) - (right.range?.start.offset ?? -1) ||
    (left.range?.end.offset ?? -1) - (right.range?.end.offset ?? -1) ||
    text(left.severity, right.severity) ||
    text(left.code, right.code) ||
    text(left.summary, right.summary)
  );
}

function text(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
