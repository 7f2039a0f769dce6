import { printable } from '../diagnostics/printable.ts';
import type { DescribedElement, DescribedPackage, ListedElement } from '../elements/catalogue.ts';
import type { DeclaredVariable } from '../elements/metadata.ts';
import type { Colour } from './colour.ts';
import { columns } from './diagnostics.ts';

/** The elements as a table: name, what it provides, where it comes from, what it does. */
export function renderElementList(elements: readonly ListedElement[]): string {
  const rows = elements.map(({ name, provides, shipped, directory, summary }) => [
    name,
    provides.join(', '),
    shipped ? 'dib' : directory,
    summary ?? '',
  ]);
  return `${table([['NAME', 'PROVIDES', 'FROM', 'SUMMARY'], ...rows])}${elements.length} elements\n`;
}

/** Everything about one element. */
export function renderElement(element: DescribedElement, colour: Colour): string {
  const { name, summary, description } = element;
  const facts: string[][] = [
    ['from', element.shipped ? `dib (${element.directory})` : element.directory],
    ['distributions', element.distros?.join(', ') ?? 'any'],
    ['provides', element.provides.join(', ')],
    ['depends on', element.deps.join(', ')],
    ['needed by', element.dependents.join(', ')],
    ['network', networkText(element)],
  ].filter(([, value]) => value !== '');
  const parts = [
    `${colour.bold(name)}${summary === undefined ? '' : `: ${text(summary)}`}`,
    ...(description === undefined ? [] : [text(description)]),
    table(facts).trimEnd(),
    section('Hooks, in the order in which they run', hooks(element), colour),
    section('Packages', packages(element.packages), colour),
    section('Variables', variables(element.variables, colour), colour),
    section(
      'Variables that its files mention (it has no element.yaml)',
      element.mentioned.map((each) => `  ${each}\n`).join(''),
      colour,
    ),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function networkText({ network: phases, phases: own }: DescribedElement): string {
  if (own.length === 0) return '';
  if (phases === undefined) return 'in all phases: element.yaml does not say which need it';
  return phases.length === 0 ? 'none: its hooks run without' : `${phases.join(', ')}; its other hooks run without`;
}

function section(title: string, body: string, colour: Colour): string {
  return body === '' ? '' : `${colour.bold(title)}\n${body.trimEnd()}`;
}

function hooks({ environment, phases }: DescribedElement): string {
  const rows = phases.flatMap(({ phase, hooks: names }) => names.map((each, index) => [index === 0 ? phase : '', each]));
  const sourced = environment.map((each, index) => [index === 0 ? 'environment.d' : '', `${each} (before every hook)`]);
  return indented(table([...sourced, ...rows]));
}

function packages(list: readonly DescribedPackage[]): string {
  return indented(
    table(
      list.map(({ name, phase, action, conditions, names }) => {
        const when = Object.entries(conditions).map(([key, value]) => (key === 'when' ? `when ${value}` : `${key} ${value}`));
        const elsewhere = Object.entries(names)
          .filter(([, mapped]) => mapped.join(' ') !== name)
          .map(([family, mapped]) => `${family}: ${mapped.length === 0 ? 'none' : mapped.join(' ')}`);
        return [name, phase, action === 'install' ? '' : action, when.join('; '), elsewhere.join('; ')];
      }),
    ),
  );
}

function variables(list: readonly DeclaredVariable[], colour: Colour): string {
  return list
    .map((variable) => {
      const { name, type, required, secret, deprecated, description } = variable;
      const values = variable.enum === undefined ? type : `${type}: ${variable.enum.join(' | ')}`;
      const fallback = variable.default === undefined || variable.default === '' ? '' : `, default ${text(variable.default)}`;
      const remarks = [
        required ? ', required' : '',
        secret ? ', secret' : '',
        deprecated === undefined ? '' : `, deprecated: ${text(deprecated)}`,
      ];
      return `  ${colour.bold(name)} (${values}${fallback}${remarks.join('')})\n${indented(indented(`${text(description)}\n`))}`;
    })
    .join('');
}

/** What an element's author wrote, safe for a terminal. */
function text(value: string): string {
  return printable(value, 'lines');
}

function indented(lines: string): string {
  return lines.replaceAll(/^(?=.)/gmu, '  ');
}

/** Columns as wide as their widest cell; no blanks at line ends, no columns without content. */
function table(rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) => row.map((cell) => printable(cell)));
  const widths = (safe[0] ?? []).map((_, column) => Math.max(...safe.map((row) => columns(row[column] ?? ''))));
  return safe
    .map((row) =>
      row
        .map((cell, column) =>
          (widths[column] ?? 0) === 0 ? '' : `${cell}${' '.repeat((widths[column] ?? 0) - columns(cell) + 2)}`,
        )
        .join('')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
