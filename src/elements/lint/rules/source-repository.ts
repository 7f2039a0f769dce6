import { join } from 'node:path';
import { evaluateEnvironment } from '../../environment.ts';
import { builtinElementsDirectory } from '../../locations.ts';
import { collectProblems } from '../../problems.ts';
import { readElement } from '../../search.ts';
import { readSourceRepositories, SOURCE_REPOSITORIES } from '../../source-repositories.ts';
import type { LintElement, LintRule } from '../rule.ts';

/** Stands for what an image would set. */
const UNSET = 'x';

/** Lines of source-repository-* say what is fetched. */
export const sourceRepository: LintRule = {
  name: 'source-repository',
  about: 'lines of `source-repository-*` are `NAME TYPE DESTINATION LOCATION [REF]`, with a type and a destination that can be',
  check: (element) => {
    const texts = element.files
      .filter(({ path }) => /^source-repository-[^/]*$/u.test(path))
      .map(({ source }) => source?.text ?? '');
    if (texts.length === 0) return [];
    const problems = collectProblems();
    const carrier = readElement(SOURCE_REPOSITORIES, join(builtinElementsDirectory(), SOURCE_REPOSITORIES), true);
    readSourceRepositories([carrier, { ...element, builtin: false }], {
      environment: { ...placeholders(texts), ...ownEnvironment(element) },
      unknown: new Set(),
      imageDirectory: element.directory,
      problems,
    });
    return problems.list;
  },
};

/** Variables that the lines name count as set: whether they are is up to the image. */
function placeholders(texts: readonly string[]): Record<string, string> {
  const names = texts.flatMap((text) => [...text.matchAll(/\$\{?([A-Za-z_]\w*)/gu)].map(([, name = '']) => name));
  return Object.fromEntries(names.map((name) => [name, UNSET]));
}

function ownEnvironment({ files }: LintElement): Readonly<Record<string, string>> {
  const texts = files.filter(({ isEnvironment }) => isEnvironment).map(({ source }) => source?.text ?? '');
  return evaluateEnvironment(texts, {}).values;
}
