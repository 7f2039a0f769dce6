import { quoted } from '../../../diagnostics/printable.ts';
import { fileRule, linesOf } from '../rule.ts';

/** Tracing that a sourced file turns on stays on. */
export const environmentTrace = fileRule({
  name: 'environment-trace',
  about: 'files of `environment.d` do not `set -x`',
  check: (file, source) =>
    file.isEnvironment
      ? linesOf(source)
          .filter(({ text }) => /^\s*set\s+-\w*x/u.test(text))
          .map((line) => ({
            summary: `${quoted(file.path)} turns on tracing`,
            detail: 'It is sourced before every hook, so all that follows would be traced.',
            help: 'Remove the line.',
            range: line.range(),
          }))
      : [],
});
