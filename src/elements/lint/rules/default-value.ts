import { quoted } from '../../../diagnostics/printable.ts';
import { evaluateEnvironment } from '../../environment.ts';
import { type DeclaredVariable, variablePointer } from '../../metadata.ts';
import { compareHookNames } from '../../order.ts';
import type { Finding, LintElement, LintRule } from '../rule.ts';
import { variableReads } from '../shell-variables.ts';

/** What other scripts may set, so that defaults which name it can be compared. */
const CONTEXT = { ARCH: 'amd64', DISTRO_NAME: 'debian', DIB_RELEASE: 'bookworm', IMAGE_NAME: 'image' };

/** Defaults in element.yaml are those of the scripts. */
export const defaultValue: LintRule = {
  name: 'default-value',
  about: 'a default in `element.yaml` is the one that `environment.d`, or else the only `${NAME:-default}` of the scripts, has',
  check: (element) =>
    (element.metadata?.variables ?? []).flatMap((variable): Finding[] => {
      if (variable.name.endsWith('*')) return [];
      const actual = actualDefault(variable.name, element);
      const declared = evaluate(variable.default ?? '', element);
      if (actual === undefined || declared === undefined || same(actual.value, declared, variable)) return [];
      const pointer = variablePointer(variable.name);
      return [
        {
          summary:
            variable.default === undefined
              ? `${quoted(variable.name)} has the default ${quoted(actual.value)} ${actual.where}, and none in \`element.yaml\``
              : `The default of ${quoted(variable.name)} is ${quoted(variable.default)} here, and ${quoted(actual.value)} ${actual.where}`,
          detail: 'What is written here is for people to read; the scripts decide.',
          help: 'Write the same in both.',
          range: element.metadata?.locate(
            variable.default === undefined ? pointer : `${pointer}/default`,
            variable.default === undefined ? 'key' : 'value',
          ),
        },
      ];
    }),
};

function same(actual: string, declared: string, { type }: DeclaredVariable): boolean {
  return type === 'boolean' ? actual.toLowerCase() === declared.toLowerCase() : actual === declared;
}

/** The default that is in force; undefined when only a shell could tell. */
function actualDefault(name: string, element: LintElement): { readonly value: string; readonly where: string } | undefined {
  const { values, unknown } = environmentOf(element, contextWithout(name));
  if (unknown.has(name)) return undefined;
  const set = values[name];
  if (set !== undefined) return { value: set, where: 'in `environment.d`' };
  const reads = variableReads(element.files).filter((read) => read.name === name && read.fallback !== undefined);
  const fallbacks = [...new Set(reads.map(({ fallback }) => fallback ?? ''))];
  const [only] = fallbacks;
  if (only === undefined || fallbacks.length > 1) return undefined;
  const value = evaluate(only.replaceAll('"', ''), element);
  return value === undefined ? undefined : { value, where: 'in the scripts' };
}

/** The variable itself is not set: that is when its default counts. */
function contextWithout(name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(CONTEXT).filter(([each]) => each !== name));
}

function environmentOf(element: LintElement, initial: Readonly<Record<string, string>>, more: readonly string[] = []) {
  const files = element.files.filter(({ isEnvironment }) => isEnvironment);
  const sorted = files.toSorted((left, right) =>
    compareHookNames(left.path.slice('environment.d/'.length), right.path.slice('environment.d/'.length)),
  );
  return evaluateEnvironment([...sorted.map(({ source }) => source?.text ?? ''), ...more], initial);
}

/** A text in which `${NAME}` stands for the defaults of other variables. */
function evaluate(text: string, element: LintElement): string | undefined {
  if (!text.includes('$')) return text;
  return environmentOf(element, CONTEXT, [`export __TEXT="${text.replaceAll('"', '')}"`]).values['__TEXT'];
}
