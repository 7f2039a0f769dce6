import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export interface DirectoryServer {
  readonly url: string;
  /** Paths of what was asked for so far, in order. */
  requests(): readonly string[];
  close(): void;
}

/** A web server of a directory, on this machine only; a process of its own, as tests wait for dib with their thread. */
export async function serveDirectory(directory: string): Promise<DirectoryServer> {
  const program = [
    'import functools, http.server, sys',
    'handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])',
    'server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)',
    'print(server.server_port, flush=True)',
    'server.serve_forever()',
  ].join('\n');
  const scratch = mkdtempSync(join(tmpdir(), 'dib-test-http-'));
  const log = join(scratch, 'log');
  const descriptor = openSync(log, 'w');
  const child = spawn('python3', ['-c', program, directory], { stdio: ['ignore', 'pipe', descriptor] });
  closeSync(descriptor);
  const [port] = (await once(child.stdout as Readable, 'data')) as [Buffer];
  return {
    url: `http://127.0.0.1:${port.toString().trim()}`,
    requests: () => [...readFileSync(log, 'utf8').matchAll(/"GET (\S+) /g)].map((match) => match[1] as string),
    close: () => {
      child.kill();
      rmSync(scratch, { recursive: true });
    },
  };
}
