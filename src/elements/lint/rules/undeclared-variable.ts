import { quoted } from '../../../diagnostics/printable.ts';
import { didYouMean } from '../../../diagnostics/suggest.ts';
import { covers } from '../../declarations.ts';
import { isProvidedVariable } from '../../variables.ts';
import type { LintElement, LintRule } from '../rule.ts';
import { type VariableRead, variableReads } from '../shell-variables.ts';

/** Variables that scripts read are explained. */
export const undeclaredVariable: LintRule = {
  name: 'undeclared-variable',
  about:
    'every `DIB_` variable that scripts read is declared in `element.yaml`, or, where there is none, named in the README; not those of dib and of elements that it depends on',
  check: (element) => {
    const offered = new Set(element.deps.flatMap((name) => [...element.surroundings.variablesOf(name)]));
    const first = new Map<string, VariableRead>();
    for (const read of variableReads(element.files)) if (!first.has(read.name)) first.set(read.name, read);
    const isKnown = knows(element);
    return [...first.values()]
      .filter(({ name }) => !isKnown(name) && !isProvidedVariable(name) && ![...offered].some((each) => covers(each, name)))
      .map(({ name, line, at }) => {
        const declared = element.metadata?.variables.map((variable) => variable.name) ?? [];
        const near = didYouMean(name, declared);
        return {
          summary: `${quoted(name)} is read here, and ${element.metadata === undefined ? 'the README does not name it' : '`element.yaml` does not declare it'}`,
          detail: 'Nobody can know that it may be set, and a misspelt name or value of it would not be told.',
          help: near === undefined ? 'Declare it under `variables:` of `element.yaml`.' : `Did you mean ${quoted(near)}?`,
          range: line.range(at, at + name.length),
        };
      });
  },
};

function knows({ metadata, files }: LintElement): (name: string) => boolean {
  if (metadata !== undefined) return (name) => metadata.variables.some((variable) => covers(variable.name, name));
  const text = files
    .filter(({ path }) => /^README\.(md|rst)$/u.test(path))
    .map(({ source }) => source?.text ?? '')
    .join('\n');
  return (name) => new RegExp(`\\b${name}\\b`, 'u').test(text);
}
