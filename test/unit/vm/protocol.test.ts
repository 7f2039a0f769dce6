import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AgentMessage, escapeWord, ReplyReader, requestParts } from '../../../src/vm/protocol.ts';

/** What bash makes of a word: it is the one who reads it in the machine. */
function readByBash(words: readonly string[]): string[] {
  const script = 'while IFS= read -r line; do printf -v word %b "$line"; printf "%s\\0" "$word"; done';
  const input = words.map((word) => `${escapeWord(word)}\n`).join('');
  return execFileSync('bash', ['--norc', '-c', script], { input, encoding: 'utf8', env: { LC_ALL: 'C' } })
    .split('\0')
    .slice(0, -1);
}

function read(lines: readonly string[]): AgentMessage[] {
  const messages: AgentMessage[] = [];
  const reader = new ReplyReader((message) => messages.push(message));
  for (const line of lines) reader.line(line);
  return messages;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('words', () => {
  it('are plain where they can be', () => {
    expect(escapeWord('/dev/mapper/my--vg-a.b+c_d@1:2,3=4%')).toBe('/dev/mapper/my--vg-a.b+c_d@1:2,3=4%');
    expect(escapeWord("a b\n'\\é")).toBe('a\\0040b\\0012\\0047\\0134\\0303\\0251');
  });

  it('come out of bash as they went in', () => {
    const words = fc.array(
      fc.string({ unit: 'binary' }).filter((word) => !word.includes('\0')),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(words, (list) => {
        expect(readByBash(list)).toEqual(list.map((word) => Buffer.from(word).toString()));
      }),
      { numRuns: 20 },
    );
  });

  it('cannot hold a NUL byte', () => {
    expect(() => escapeWord('a\0b')).toThrow(RangeError);
  });
});

describe('a request', () => {
  it('says the command, its variables, directory and input', () => {
    const request = { id: 7, argv: ['mdadm', '--stop', '/dev/md 0'], env: { A: 'b c' }, cwd: '/tmp', input: 'key' };
    const body = `arg mdadm\narg --stop\narg /dev/md\\00400\nenv A=b\\0040c\ncwd /tmp\ninput ${base64('key')}\n`;
    expect(requestParts(request)).toEqual([`run 7 ${body.length}\n${body}`]);
    expect(requestParts({ id: 1, argv: ['true'], env: {} })).toEqual(['run 1 9\narg true\n']);
    expect(requestParts({ id: 1, argv: ['cat'], env: {}, input: '' })).toEqual(['run 1 15\narg cat\ninput \n']);
  });

  it('goes in parts that fit a terminal, which make the same request', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20_000 }), (length) => {
        const parts = requestParts({ id: 3, argv: ['x'.repeat(length)], env: {} });
        const bodies = parts.map((part, index) => {
          const [, order, size, body = ''] = /^(part|run 3) (\d+)\n(.*)$/s.exec(part) ?? [];
          expect(order).toBe(index === parts.length - 1 ? 'run 3' : 'part');
          expect(body.length).toBe(Number(size));
          expect(part.length).toBeLessThan(4096);
          return body;
        });
        expect(bodies.join('')).toBe(`arg ${'x'.repeat(length)}\n`);
      }),
    );
  });
});

describe('answers', () => {
  it('are put together from lines', () => {
    const lines = [
      'noise of the kernel',
      ':hello 1 8fce4c54-4201 6.1.176',
      ':stdout',
      base64('first, of a length that needs no padding.').slice(0, 8),
      base64('first, of a length that needs no padding.').slice(8),
      ':stderr',
      base64('\x80'),
      ':done 1 2',
      ':done 2 137',
      ':not-started 3 missing',
      ':next',
    ];
    const empty = Buffer.from('');
    expect(read(lines)).toEqual([
      { type: 'hello', version: 1, bootId: '8fce4c54-4201', kernel: '6.1.176' },
      {
        type: 'reply',
        id: 1,
        status: 2,
        stdout: Buffer.from('first, of a length that needs no padding.'),
        stderr: Buffer.from('\x80'),
      },
      { type: 'reply', id: 2, status: 137, stdout: empty, stderr: empty },
      { type: 'reply', id: 3, notStarted: 'missing', stdout: empty, stderr: empty },
      { type: 'next' },
    ]);
  });

  it('may be plain text, with the ends of its lines, colons and backslashes written out', () => {
    const lines = [':stdout-text', 'a\\cb\\n\\\\n\\\\\\c:pong', ' end', ':stderr', base64('\x80'), ':done 1 0'];
    expect(read(lines)).toEqual([
      { type: 'pong' },
      { type: 'reply', id: 1, status: 0, stdout: Buffer.from('a:b\n\\n\\: end'), stderr: Buffer.from('\x80') },
    ]);
  });

  it('may be given while a command prints, in the middle of a line', () => {
    const text = base64('what a command prints');
    for (let at = 0; at <= text.length; at++) {
      const messages = read([':stdout', `${text.slice(0, at)}:pong`, text.slice(at), ':done 1 0']);
      expect(messages).toEqual([
        { type: 'pong' },
        { type: 'reply', id: 1, status: 0, stdout: Buffer.from('what a command prints'), stderr: Buffer.from('') },
      ]);
    }
  });
});
