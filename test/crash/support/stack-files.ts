import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { PASSPHRASE } from './stack-images.ts';

const run = promisify(execFile);

const LUKS_TYPE = 'CA7D7CCB-63ED-4C53-861C-1742536059CC';
const LUKS_HEADER = 16 * 1024 * 1024;

interface Table {
  readonly partitiontable: { readonly partitions: readonly { start: number; size: number; type: string }[] };
}

/**
 * What is on a disk that was made as bytes in a file: its partition table, and a digest of all of it. In place of an encrypted partition stand what its
 * header says and a digest of what was encrypted: no two containers have equal bytes.
 */
export async function describeFile(disk: string): Promise<string> {
  const text = await run('sfdisk', ['--json', disk]).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
  if (text === undefined) return await digest(disk, []);
  const { partitiontable } = JSON.parse(text) as Table;
  const container = partitiontable.partitions.find(({ type }) => type === LUKS_TYPE);
  const table = text.replaceAll(disk, basename(disk));
  if (container === undefined) return `${table}\n${await digest(disk, [])}`;
  const [offset, length] = [container.start * 512, container.size * 512];
  return [table, await digest(disk, [offset, length]), await describeContainer(disk, offset, length)].join('\n');
}

/** SHA-256 of a file, without the bytes between. */
async function digest(file: string, [offset = 0, length = 0]: readonly number[]): Promise<string> {
  const script = '{ head --bytes="$2" "$1"; tail --bytes=+"$3" "$1"; } | sha256sum';
  const { stdout } = await run('bash', ['-c', script, 'bash', file, String(offset), String(offset + length + 1)]);
  return stdout;
}

/** Decrypts a copy of a container without the kernel: cryptsetup-reencrypt(8). */
async function describeContainer(disk: string, offset: number, length: number): Promise<string> {
  const directory = mkdtempSync('/var/tmp/dib-crash-container-');
  try {
    const copy = join(directory, 'container');
    const range = ['iflag=skip_bytes,count_bytes', `skip=${offset}`, `count=${length}`, 'bs=1M', 'conv=sparse', 'status=none'];
    await run('dd', [`if=${disk}`, `of=${copy}`, ...range]);
    await run('truncate', [`--size=${length}`, copy]);
    const { stdout: dump } = await run('cryptsetup', ['luksDump', '--disable-locks', copy]);
    const facts = dump
      .split('\n')
      .filter((line) => /^(Version|UUID|Label|Flags):|offset:|cipher:|sector:|luks2/.test(line.trim()));
    const header = join(directory, 'header');
    const options = ['--batch-mode', '--disable-locks', '--disable-keyring', '--force-offline-reencrypt', '--key-file', '-'];
    const decrypting = run('cryptsetup', ['reencrypt', '--decrypt', '--header', header, ...options, copy]);
    decrypting.child.stdin?.end(PASSPHRASE);
    await decrypting;
    return [...facts, await digest(copy, [length - LUKS_HEADER, LUKS_HEADER])].join('\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
}
