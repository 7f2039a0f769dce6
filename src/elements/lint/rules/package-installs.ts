import { readPackageInstalls } from '../../package-installs.ts';
import { collectProblems } from '../../problems.ts';
import type { LintRule } from '../rule.ts';

/** package-installs.yaml says what it means to. */
export const packageInstalls: LintRule = {
  name: 'package-installs',
  about: '`package-installs.yaml` and `.json` have keys, phases and conditions that mean something',
  check: (element) => {
    const problems = collectProblems();
    readPackageInstalls(element, { arch: 'amd64', environment: {}, unknown: new Set() }, problems);
    return (
      problems.list
        // Whether a variable is set depends on the image.
        .filter(({ code }) => code !== 'DIB_ELEMENT_WHEN_UNKNOWN')
        .map((problem) => ({ ...problem, severity: 'error' as const }))
    );
  },
};
