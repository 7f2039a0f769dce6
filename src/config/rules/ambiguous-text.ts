import { pointerPath, pointerToken } from '../../diagnostics/pointer.ts';
import { quoted } from '../../diagnostics/printable.ts';
import type { Json } from '../../util/json.ts';
import type { Problem, Rule } from './rule.ts';

/** Plain texts that YAML 1.1 programs (PyYAML, and with it diskimage-builder) read as something else (yaml.org/type). */
const TRAPS: readonly (readonly [RegExp, string])[] = [
  [/^(?:y|n|yes|no|on|off)$/iu, 'a boolean'],
  [/^[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/u, 'a number of base 60'],
  [/^[-+]?[0-9][0-9]*_[0-9_]*$/u, 'a number'],
  [/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/u, 'a date'],
];

/** Text without quotes that other YAML programs take for something else. Environment values are passed as they are written. */
export const ambiguousText: Rule = ({ root, sourceText }) => {
  const problems: Problem[] = [];
  function visit(value: Json | undefined, pointer: string): void {
    if (typeof value === 'string') {
      const trap = TRAPS.find(([pattern]) => pattern.test(value));
      // Quoted texts differ from their source.
      if (trap !== undefined && sourceText(pointer) === value) problems.push(ambiguous(value, trap[1], pointer));
    } else if (Array.isArray(value)) {
      value.forEach((item: Json, index) => {
        visit(item, `${pointer}/${index}`);
      });
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, member] of Object.entries(value)) {
        // block_device is judged by its own parser.
        if (pointer === '' && (key === 'environment' || key === 'block_device')) continue;
        visit(member, `${pointer}/${pointerToken(key)}`);
      }
    }
  }
  visit(root, '');
  return problems;
};

function ambiguous(value: string, other: string, pointer: string): Problem {
  return {
    code: 'DIB_CONFIG_AMBIGUOUS_TEXT',
    severity: 'warning',
    summary: `${quoted(pointerPath(pointer))} is the text ${quoted(value)}, without quotes`,
    detail: `YAML 1.1 programs read it as ${other}.`,
    help: `Put it in quotes: '${value}'.`,
    pointer,
  };
}
