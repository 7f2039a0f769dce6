import { collectHooks } from '../../hooks.ts';
import { installTypeOf } from '../../package-installs.ts';
import { collectProblems } from '../../problems.ts';
import type { LintElement, LintRule } from '../rule.ts';

/** Rules by the diagnostics that planning has for the same mistakes. */
const NAMES: Readonly<Record<string, string>> = {
  DIB_ELEMENT_HOOK_NAME: 'hook-name',
  DIB_ELEMENT_HOOK_NOT_EXECUTABLE: 'hook-executable',
  DIB_ELEMENT_HOOK_NO_SHEBANG: 'hook-shebang',
  DIB_ELEMENT_FOREIGN_PHASE: 'foreign-phase',
  DIB_ELEMENT_DANGLING_LINK: 'dangling-link',
  DIB_ELEMENT_LINK_ESCAPES: 'link-escapes',
};

/** What diskimage-builder would drop without a word, or stumble over in the middle of a build. */
export const contract: LintRule = {
  name: 'contract',
  about:
    'hooks run: names of letters, digits, `-` and `_` (`hook-name`), executable (`hook-executable`), with a first line (`hook-shebang`), in phases that exist (`foreign-phase`); links lead to files of the tree (`dangling-link`, `link-escapes`)',
  check: (element) => {
    const problems = collectProblems();
    collectHooks([{ ...element, builtin: false }], (name) => installTypeOf(name, {}), problems);
    return problems.list
      .filter(({ code }) => code !== 'DIB_ELEMENT_HOOK_CRLF')
      .map((problem) => ({
        ...problem,
        severity: isScript(element, problem.range?.file) ? ('error' as const) : ('warning' as const),
        rule: NAMES[problem.code] ?? 'contract',
      }));
  },
};

/** Whether what is said is about a script; what is no script may be data of one. */
function isScript({ files, directory }: LintElement, path: string | undefined): boolean {
  const file = files.find(({ absolute }) => absolute === path);
  return file === undefined ? path !== directory : file.language !== undefined || file.executable;
}
