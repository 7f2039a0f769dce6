import { expect, it } from 'vitest';
import { spawnChild } from '../../../src/exec/child.ts';
import { minimalEnvironment } from '../../../src/exec/environment.ts';

it('talks with a child over sockets that have no name', async () => {
  const script = 'read -r line <&4; echo "got $line" >&4; cat <&5 >&5';
  const child = await spawnChild({ argv: ['bash', '-c', script], env: minimalEnvironment(), sockets: 2 });
  const text = ['', ''];
  for (const [index, socket] of child.sockets.entries()) {
    socket.on('data', (chunk: Buffer) => {
      text[index] += chunk.toString();
    });
  }
  child.sockets[0]?.write('a line\n');
  child.sockets[1]?.end('all of it');
  expect(await child.ended).toEqual({ exitCode: 0, signal: undefined, stderr: [] });
  expect(text).toEqual(['got a line\n', 'all of it']);
});
