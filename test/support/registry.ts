import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A container registry on this machine only. */
export interface Registry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  close(): Promise<void>;
}

/** Starts docker-registry(1), without TLS, with its files and its log below a directory. `port`: of an earlier one, whose images it has. */
export async function startRegistry(directory: string, port = 0): Promise<Registry> {
  mkdirSync(directory, { recursive: true });
  const configuration = join(directory, 'config.json');
  const settings = {
    version: 0.1,
    log: { level: 'info', formatter: 'json' },
    storage: { filesystem: { rootdirectory: join(directory, 'data') } },
    http: { addr: `127.0.0.1:${port}` },
  };
  // YAML, of which JSON is a part.
  writeFileSync(configuration, JSON.stringify(settings));
  const argv = ['--pdeathsig', 'KILL', 'docker-registry', 'serve', configuration];
  const child = spawn('setpriv', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'close');
  const host = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const match = /listening on (127\.0\.0\.1:\d+)/.exec(text);
      if (match !== null) resolve(match[1] as string);
    });
    child.once('error', reject);
    child.once('close', () => reject(new Error(`docker-registry ended: ${text}`)));
  });
  return {
    host,
    async close() {
      child.kill();
      await ended;
    },
  };
}
