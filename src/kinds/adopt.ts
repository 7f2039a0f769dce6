import { open, stat } from 'node:fs/promises';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';

/** What stat(2) says of a file that is to be adopted. Throws DIB_IMPORT_NOT_A_FILE. */
export async function statFile(path: string) {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true) return found;
  fail({
    code: 'DIB_IMPORT_NOT_A_FILE',
    summary: found === undefined ? `There is no file ${quotedPath(path)}` : `${quotedPath(path)} is not a file`,
    detail: 'What is adopted must be there already.',
    help: 'Give the path of the file, or leave it to `dib apply` to make it.',
  });
}

/** What a file holds, by its first bytes: a disk in QEMU's format, an archive, compressed or not, or anything else, which may be a plain disk. */
export async function contentOf(path: string): Promise<'qcow2' | 'tar' | 'raw'> {
  const handle = await open(path, 'r');
  try {
    const head = Buffer.alloc(512);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    if (head.readUInt32BE(0) === 0x514649fb) return 'qcow2';
    const compressed = head.readUInt16BE(0) === 0x1f8b || head.readUInt32LE(0) === 0xfd2fb528;
    return bytesRead < head.length || compressed || head.toString('latin1', 257, 262) === 'ustar' ? 'tar' : 'raw';
  } finally {
    await handle.close();
  }
}
