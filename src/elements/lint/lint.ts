import { realpathSync } from 'node:fs';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { sortDiagnostics } from '../../diagnostics/order.ts';
import { collectProblems } from '../problems.ts';
import { elementDirectories, readLintElement } from './read.ts';
import { LINT_RULES } from './registry.ts';
import type { Finding, LintElement, Surroundings } from './rule.ts';
import { shellcheckFindings } from './shellcheck.ts';
import { toxIgnores } from './tox.ts';

/** What was looked at and what was found. */
export interface LintResult {
  /** Names of the elements, in the order of their directories. */
  readonly elements: readonly string[];
  /** Sorted by place. */
  readonly diagnostics: readonly Diagnostic[];
  /** False where shellcheck is not installed: its findings are then missing. */
  readonly shellcheck: boolean;
}

/** Judges elements: each directory is an element, or holds elements. Throws the system's error where a directory cannot be read. */
export async function lintElements(directories: readonly string[], surroundings: Surroundings): Promise<LintResult> {
  const diagnostics: Diagnostic[] = [];
  const names: string[] = [];
  let shellcheck = true;
  for (const given of directories) {
    const top = realpathSync(given);
    const ignored = toxIgnores(top);
    const problems = collectProblems();
    const elements = elementDirectories(top).map((directory) => readLintElement(directory, surroundings, problems));
    names.push(...elements.map(({ name }) => name));
    const external = await shellcheckFindings(elements.flatMap(({ files }) => files));
    shellcheck &&= external.available;
    diagnostics.push(...problems.list);
    for (const element of elements) {
      const own: Named[] = LINT_RULES.flatMap((rule) =>
        rule.check(element).map((finding) => ({ ...finding, rule: finding.rule ?? rule.name })),
      );
      const files = new Set(element.files.map(({ absolute }) => absolute));
      const theirs = external.findings.filter(({ range }) => files.has(range?.file ?? ''));
      diagnostics.push(...[...own, ...theirs].filter((finding) => !isDisabled(finding, element, ignored)).map(toDiagnostic));
    }
  }
  return { elements: names, diagnostics: sortDiagnostics(diagnostics), shellcheck };
}

/** A finding with the name of the rule that it is of. */
interface Named extends Finding {
  readonly rule: string;
}

function isDisabled(finding: Named, element: LintElement, ignored: ReadonlySet<string>): boolean {
  const place = finding.file ?? finding.range?.file;
  const file = element.files.find(({ absolute }) => absolute === place);
  return ignored.has(finding.rule) || file?.disabled.has(finding.rule) === true;
}

function toDiagnostic({ rule, file: _, severity, code, ...problem }: Named): Diagnostic {
  return { ...problem, severity: severity ?? 'error', code: code ?? ruleCode(rule) };
}

/** `DIB_LINT_TABINDENT` of `tabindent`. */
function ruleCode(rule: string): string {
  return `DIB_LINT_${rule.toUpperCase().replaceAll('-', '_')}`;
}
