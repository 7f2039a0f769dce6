import { writtenOutputs } from './outputs.ts';
import type { Problem, Rule } from './rule.ts';

/** Archives hold the whole tree, whatever disk its parts are on. */
export const outputDisk: Rule = ({ root }) =>
  writtenOutputs(root).flatMap(({ format, disk, pointer }): Problem[] =>
    format !== 'tar' || disk === undefined
      ? []
      : [
          {
            code: 'DIB_CONFIG_OUTPUT_DISK',
            summary: 'A tar output has no disk',
            detail: 'It holds the whole tree, whatever disk its parts are on.',
            help: 'Remove `disk`.',
            pointer: `${pointer}/disk`,
            at: 'key',
          },
        ],
  );
