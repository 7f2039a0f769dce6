import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A web server of a directory, on this machine only; a process of its own, as tests wait for dib with their thread. */
export async function serveDirectory(directory: string): Promise<{ readonly url: string; close(): void }> {
  const program = [
    'import functools, http.server, sys',
    'handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])',
    'server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)',
    'print(server.server_port, flush=True)',
    'server.serve_forever()',
  ].join('\n');
  const child = spawn('python3', ['-c', program, directory], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return { url: `http://127.0.0.1:${port.toString().trim()}`, close: () => child.kill() };
}
