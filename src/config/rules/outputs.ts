import type { Json } from '../../util/json.ts';
import { defaultOutputPath } from '../normalise.ts';
import { textAt, valueAt } from './rule.ts';

/** An output as far as it can be understood. */
export interface WrittenOutput {
  readonly pointer: string;
  readonly format: string | undefined;
  readonly path: string | undefined;
  readonly compression: string | undefined;
  readonly disk: string | undefined;
  /** The path that it will have. */
  readonly effectivePath: string | undefined;
}

/** The outputs of a configuration, as they are written. */
export function writtenOutputs(root: Json): readonly WrittenOutput[] {
  const list = valueAt(root, '/outputs');
  if (!Array.isArray(list)) return [];
  const name = textAt(root, '/name');
  return list.map((item: Json, index) => {
    const pointer = `/outputs/${index}`;
    const format = typeof item === 'string' ? item : textAt(root, `${pointer}/format`);
    const path = textAt(root, `${pointer}/path`);
    const compression = textAt(root, `${pointer}/compression`);
    const disk = textAt(root, `${pointer}/disk`);
    const fallback =
      name === undefined || format === undefined ? undefined : defaultOutputPath({ name, format, disk, compression });
    return { pointer, format, path, compression, disk, effectivePath: path ?? fallback };
  });
}
