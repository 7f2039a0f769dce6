import { quoted } from '../../diagnostics/printable.ts';
import { writtenOutputs } from './outputs.ts';
import { canonicalPath } from './paths.ts';
import type { Problem, Rule } from './rule.ts';

/** No two outputs, nor an output and the checksum or directory of another, are the same file. */
export const outputClash: Rule = ({ root, directory, locate }) => {
  const problems: Problem[] = [];
  const taken: { readonly path: string; readonly pointer: string }[] = [];
  for (const output of writtenOutputs(root)) {
    if (output.effectivePath === undefined) continue;
    const path = canonicalPath(directory, output.effectivePath);
    const clash = taken.find((other) => overlap(other.path, path));
    if (clash !== undefined) {
      const range = locate(clash.pointer);
      problems.push({
        code: 'DIB_CONFIG_OUTPUT_CLASH',
        summary: `This output is written to ${quoted(output.effectivePath)}, which another output needs`,
        detail: clash.path === path ? undefined : 'One is the directory or the checksum file of the other.',
        help: 'Give each output a `path` of its own.',
        related: range === undefined ? undefined : [{ message: 'the other output', range }],
        pointer: output.path === undefined ? output.pointer : `${output.pointer}/path`,
      });
    }
    taken.push({ path, pointer: output.pointer });
  }
  return problems;
};

function overlap(left: string, right: string): boolean {
  return (
    left === right ||
    left.startsWith(`${right}/`) ||
    right.startsWith(`${left}/`) ||
    left === `${right}.sha256` ||
    right === `${left}.sha256`
  );
}
