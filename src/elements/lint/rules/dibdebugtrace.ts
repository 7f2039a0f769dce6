import { quoted } from '../../../diagnostics/printable.ts';
import { fileRule, linesOf } from '../rule.ts';

/** Hooks trace themselves when asked to; what they install runs when nobody is building. */
export const dibdebugtrace = fileRule({
  name: 'dibdebugtrace',
  about: 'hooks of bash heed `DIB_DEBUG_TRACE`, or say in a comment with its name why they do not',
  check: (file, source) =>
    file.phase === undefined || file.language !== 'bash' || source.text.includes('DIB_DEBUG_TRACE')
      ? []
      : [
          {
            summary: `${quoted(file.path)} does not heed \`DIB_DEBUG_TRACE\``,
            help: 'Add `if [ "${DIB_DEBUG_TRACE:-0}" -gt 0 ]; then set -x; fi`.',
            range: linesOf(source)[0]?.range(),
          },
        ],
});
