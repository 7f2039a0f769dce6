import { rename } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { DibError, ExitCode } from '../../../src/diagnostics/errors.ts';
import type { Event } from '../../../src/engine/events.ts';
import { parseMessage } from '../../../src/engine/protocol.ts';
import { diagnosticsOf, emitter, exitCodeOf } from '../../../src/engine/report.ts';
import { parseMountinfo } from '../../../src/host/mounts.ts';

const failure = (exitCode: ExitCode) => new DibError({ code: 'DIB_X', severity: 'error', summary: 's' }, exitCode);

it('gives one exit status for several failures', () => {
  expect(exitCodeOf([])).toBe(0);
  expect(exitCodeOf([failure(ExitCode.Unavailable)])).toBe(69);
  expect(exitCodeOf([failure(ExitCode.Unavailable), failure(ExitCode.Unavailable)])).toBe(69);
  expect(exitCodeOf([failure(ExitCode.Unavailable), failure(ExitCode.Failed)])).toBe(1);
  expect(exitCodeOf([failure(ExitCode.Failed), new TypeError('x')])).toBe(70);
});

it('tells failures from bugs, and adds the address', () => {
  expect(diagnosticsOf(failure(ExitCode.Failed), 'a.b')).toEqual([
    { code: 'DIB_X', severity: 'error', summary: 's', address: 'a.b' },
  ]);
  const [bug] = diagnosticsOf(new TypeError('x is not a function'), 'a.b');
  expect(bug).toMatchObject({ code: 'DIB_INTERNAL', summary: 'Internal error in `a.b`: x is not a function', address: 'a.b' });
  expect(bug?.detail).toContain('report.test.ts');
});

it('takes what Node rejects with after an interrupt for the interrupt', async () => {
  const aborted = await setTimeout(1000, undefined, { signal: AbortSignal.abort() }).catch((error: unknown) => error);
  expect(diagnosticsOf(aborted, 'output.tar')).toMatchObject([
    { code: 'DIB_EXEC_INTERRUPTED', summary: 'It was stopped by the interrupt', address: 'output.tar' },
  ]);
  expect(exitCodeOf([aborted])).toBe(130);
});

it('tells what is the fault of the machine', async () => {
  const missing = await rename('/nowhere', '/elsewhere').catch((error: unknown) => error);
  expect(diagnosticsOf(missing)).toMatchObject([{ code: 'DIB_INTERNAL' }]);
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  expect(diagnosticsOf(full, 'a.b')).toEqual([
    {
      code: 'DIB_DISK_FULL',
      severity: 'error',
      summary: 'No space is left on this machine where dib keeps state, work files and cache',
      detail: 'ENOSPC: no space left on device, write.',
      help: expect.stringContaining('--state-dir'),
      address: 'a.b',
    },
  ]);
  const readOnly = Object.assign(new Error('EROFS: read-only file system, mkdir'), { code: 'EROFS', path: '/a' });
  expect(diagnosticsOf(readOnly)).toMatchObject([
    { code: 'DIB_DISK_READ_ONLY', summary: '`/a` cannot be written: its file system is read-only' },
  ]);
  expect(exitCodeOf([full, readOnly])).toBe(1);
  expect(exitCodeOf([full, missing])).toBe(70);
});

it('makes events with time, level and message first', () => {
  const events: Event[] = [];
  emitter(
    (event) => events.push(event),
    () => new Date(0),
  )({ type: 'outputs', outputs: {} }, 'Outputs: 0');
  expect(JSON.stringify(events)).toBe(
    '[{"@timestamp":"1970-01-01T00:00:00.000Z","@level":"info","@message":"Outputs: 0","type":"outputs","outputs":{}}]',
  );
});

it('reads mountinfo with its escapes and optional fields', () => {
  const text =
    '36 35 98:0 /mnt1 /mnt\\040two rw,noatime master:1 shared:2 - ext3 /dev/loop3 rw,errors=continue\n' +
    '37 35 0:5 / /proc rw - proc proc rw\n';
  expect(parseMountinfo(text)).toEqual([
    { id: 36, parent: 35, number: '98:0', target: '/mnt two', source: '/dev/loop3', type: 'ext3', readOnly: false },
    { id: 37, parent: 35, number: '0:5', target: '/proc', source: 'proc', type: 'proc', readOnly: false },
  ]);
});

it('takes no line for a message that is none', () => {
  for (const line of ['', 'text', '[]', 'null', '{}', '{"type": 1}']) expect(parseMessage(line)).toBeUndefined();
  expect(parseMessage('{"type":"x","level":1}')).toEqual({ type: 'x', level: 1 });
});
