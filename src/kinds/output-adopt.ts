import { resolve } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { contentOf, statFile } from './adopt.ts';
import { sha256File } from './disk-file.ts';
import type { OutputInputs } from './disk-inputs.ts';
import type { Adopted, Paths } from './kind.ts';

/** Takes a file for an output that it is already. Throws DIB_IMPORT_PATH, DIB_IMPORT_FORMAT, DIB_IMPORT_NOT_A_FILE. */
export async function adoptOutput(inputs: OutputInputs, path: string, paths: Paths): Promise<Adopted> {
  const wanted = resolve(paths.image, inputs.path);
  if (path !== wanted) {
    fail({
      code: 'DIB_IMPORT_PATH',
      summary: `The configuration puts this output at ${quotedPath(wanted)}, not at ${quotedPath(path)}`,
      detail: 'An output is known by its path.',
      help: 'Move the file there, or change `path` of the output.',
    });
  }
  const { size, mtimeMs } = await statFile(path);
  const format = await contentOf(path);
  if (inputs.format !== 'file' && format !== inputs.format) {
    fail({
      code: 'DIB_IMPORT_FORMAT',
      summary: `${quotedPath(path)} is ${quoted(format)}, and the configuration wants ${quoted(inputs.format)}`,
      detail: 'A file of another format cannot be this output.',
      help: 'Remove it and let `dib apply` make the output, or change `format`.',
    });
  }
  return { inputs, outputs: { path, size, sha256: await sha256File(path), mtime: mtimeMs } };
}
