import { quoted } from '../../../diagnostics/printable.ts';
import { didYouMean } from '../../../diagnostics/suggest.ts';
import { compareBytes } from '../../order.ts';
import { type Finding, type Line, type LintElement, type LintRule, linesOf } from '../rule.ts';

/** element-deps and element-provides: one name per line, sorted, each once, and elements that exist. */
export const elementLists: LintRule = {
  name: 'element-lists',
  about: '`element-deps` and `element-provides` have one name per line, no comments, sorted, each once; dependencies exist',
  check: (element) => ['element-deps', 'element-provides'].flatMap((name) => checkList(name, element)),
};

function checkList(list: string, element: LintElement): Finding[] {
  const source = element.files.find(({ path }) => path === list)?.source;
  if (source === undefined) return [];
  const lines = linesOf(source).filter(({ text }) => text.trim() !== '');
  const findings: Finding[] = [];
  let before: Line | undefined;
  for (const line of lines) {
    const name = line.text.trim();
    if (name.startsWith('#') || /\s/u.test(name)) {
      findings.push({
        summary: `${quoted(name)} is not the name of an element`,
        detail: `${quoted(list)} knows no comments, and one name per line: this is looked for as an element of that name.`,
        help: 'Leave only names in it.',
        range: line.range(),
      });
      continue;
    }
    const order = before === undefined ? -1 : compareBytes(before.text.trim(), name);
    if (order === 0) findings.push({ summary: `${quoted(name)} is there twice`, help: 'Remove one.', range: line.range() });
    if (order > 0)
      findings.push({
        summary: `${quoted(list)} is not sorted: ${quoted(name)} stands behind ${quoted(before?.text.trim() ?? '')}`,
        help: `Run \`LC_ALL=C sort -o ${list} ${list}\` in the element.`,
        range: line.range(),
      });
    before = line;
    if (list === 'element-deps') findings.push(...checkDependency(name, line, element));
  }
  return findings;
}

function checkDependency(name: string, line: Line, { name: own, surroundings: { names } }: LintElement): Finding[] {
  if (name === own)
    return [{ severity: 'warning', summary: 'The element depends on itself', help: 'Remove the line.', range: line.range() }];
  if (names.has(name)) return [];
  const near = didYouMean(name, [...names].sort(compareBytes));
  return [
    {
      summary: `There is no element ${quoted(name)}, and none that provides it`,
      help: near === undefined ? 'Add the directory that holds it with `--elements-path`.' : `Did you mean ${quoted(near)}?`,
      range: line.range(),
    },
  ];
}
