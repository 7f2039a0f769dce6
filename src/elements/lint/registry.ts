import type { LintRule } from './rule.ts';
import { blockDevice } from './rules/block-device.ts';
import { contract } from './rules/contract.ts';
import { crlf } from './rules/crlf.ts';
import { defaultValue } from './rules/default-value.ts';
import { dibdebugtrace } from './rules/dibdebugtrace.ts';
import { elementLists } from './rules/element-lists.ts';
import { elementYaml } from './rules/element-yaml.ts';
import { environmentTrace } from './rules/environment-trace.ts';
import { executable } from './rules/executable.ts';
import { exportSubstitution } from './rules/export-substitution.ts';
import { hookNumber } from './rules/hook-number.ts';
import { indent } from './rules/indent.ts';
import { newline } from './rules/newline.ts';
import { packageInstalls } from './rules/package-installs.ts';
import { pkgMap } from './rules/pkg-map.ts';
import { readme } from './rules/readme.ts';
import { safeSudo } from './rules/safe-sudo.ts';
import { sete, setpipefail, setu } from './rules/set-options.ts';
import { shebang } from './rules/shebang.ts';
import { sourceRepository } from './rules/source-repository.ts';
import { svcMap } from './rules/svc-map.ts';
import { tabindent } from './rules/tabindent.ts';
import { undeclaredVariable } from './rules/undeclared-variable.ts';
import { unreadVariable } from './rules/unread-variable.ts';
import { which } from './rules/which.ts';
import { yaml } from './rules/yaml.ts';

/** Every rule of `dib elements lint`; adding one is a file and a line here. shellcheck stands beside them: it is a program. */
export const LINT_RULES: readonly LintRule[] = [
  blockDevice,
  contract,
  crlf,
  defaultValue,
  dibdebugtrace,
  elementLists,
  elementYaml,
  environmentTrace,
  executable,
  exportSubstitution,
  hookNumber,
  indent,
  newline,
  packageInstalls,
  pkgMap,
  readme,
  safeSudo,
  sete,
  setpipefail,
  setu,
  shebang,
  sourceRepository,
  svcMap,
  tabindent,
  undeclaredVariable,
  unreadVariable,
  which,
  yaml,
];
