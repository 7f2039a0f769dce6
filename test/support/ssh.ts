import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A key pair for one test. */
export interface SshKey {
  readonly file: string;
  /** The line for authorized_keys. */
  readonly publicKey: string;
}

export function makeSshKey(directory: string): SshKey {
  const file = join(directory, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'dib-test', '-f', file]);
  return { file, publicKey: readFileSync(`${file}.pub`, 'utf8').trim() };
}

/** Runs a command in a booted machine; gives its standard output. The machine is new, so its host key is not known. */
export async function ssh(port: number, user: string, key: SshKey, command: string): Promise<string> {
  const options = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
  ];
  const argv = ['-F', 'none', '-i', key.file, '-p', String(port), ...options.flatMap((each) => ['-o', each])];
  const { stdout } = await promisify(execFile)('ssh', [...argv, `${user}@127.0.0.1`, command]);
  return stdout.trim();
}

/** A port of the loopback address that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
