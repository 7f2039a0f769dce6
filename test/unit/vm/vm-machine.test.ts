import { describe, expect, it } from 'vitest';
import type { VmBackend, VmEnd, VmOptions } from '../../../src/vm/backend.ts';
import { startMachine } from '../../../src/vm/vm-machine.ts';

const HELLO = ':hello 1 the-boot-id 6.1.0';

/** A machine in which an agent of the test answers: `answer` gets what the worker says, and says lines. */
function fakeVm(answer: (text: string, say: (line: string) => void) => void, first: readonly string[] = [HELLO]) {
  const events: string[] = [];
  let end: (end: VmEnd) => void = () => {};
  const ended = new Promise<VmEnd>((resolve) => {
    end = resolve;
  });
  const die = (how: string) => end({ how, console: ['a line', 'the last line'] });
  const backend: VmBackend = {
    name: 'uml',
    title: 'the fake',
    bootLimit: 0.2,
    start: async (_options: VmOptions, onLine) => {
      setImmediate(() => first.forEach(onLine));
      return {
        write: (text) => {
          events.push(text.split('\n')[0] ?? '');
          if (text === 'quit\n') die('exit status 0');
          else answer(text, (line) => setImmediate(() => onLine(line)));
        },
        ended,
        kill: () => {
          events.push('killed');
          die('signal SIGKILL');
        },
        see: async (file, run) => `${file} as ${await run(['see', file])}`,
        booted: async () => void events.push('booted'),
        dispose: async () => void events.push('disposed'),
      };
    },
  };
  return { backend, events, die };
}

const options = { scratch: '/nowhere', memory: 128 };

/** An agent whose commands all succeed and print their words. */
function echo(text: string, say: (line: string) => void): void {
  const [, id] = /^run (\d+)/.exec(text) ?? [];
  if (id === undefined) return;
  const words = [...text.matchAll(/^arg (.*)$/gm)].map(([, word]) => word);
  say(':stdout');
  say(Buffer.from(`${words.join(' ')}\n`).toString('base64'));
  say(`:done ${id} 0`);
}

describe('a virtual machine', () => {
  it('boots, runs commands one after the other, and powers off', async () => {
    const { backend, events } = fakeVm(echo);
    const machine = await startMachine(backend, options);
    expect(machine).toMatchObject({ name: 'uml', bootId: 'the-boot-id', shared: false });
    const results = await Promise.all([machine.run({ argv: ['a'] }, {}), machine.run({ argv: ['b', 'c'] }, {})]);
    expect(results.map((result) => result.stdout)).toEqual(['a\n', 'b c\n']);
    expect(await machine.see('/disk')).toBe('/disk as see /disk\n');
    await Promise.all([machine.close(), machine.close()]);
    const orders = events.map((event) => event.replace(/ \d+$/, ''));
    expect(orders).toEqual(['booted', 'run 1', 'run 2', 'run 3', 'quit', 'disposed']);
  });

  it('that dies at the start is DIB_VM_BOOT', async () => {
    const { backend, events, die } = fakeVm(echo, []);
    setTimeout(() => die('exit status 1'), 10);
    await expect(startMachine(backend, options)).rejects.toMatchObject({
      exitCode: 69,
      diagnostics: [
        {
          code: 'DIB_VM_BOOT',
          summary: 'The virtual machine (the fake) ended with exit status 1 before it was ready',
          detail: 'The end of its console:\n  a line\n  the last line',
        },
      ],
    });
    expect(events).toEqual(['killed', 'disposed']);
  });

  it('that does not answer in time is killed', async () => {
    const { backend, events } = fakeVm(echo, ['no hello']);
    await expect(startMachine(backend, options)).rejects.toMatchObject({
      diagnostics: [{ code: 'DIB_VM_BOOT', summary: 'The virtual machine (the fake) did not answer in 0.2 seconds' }],
    });
    expect(events).toContain('disposed');
  });

  it('with another agent is a bug', async () => {
    const { backend } = fakeVm(echo, [':hello 99 boot 6.1']);
    await expect(startMachine(backend, options)).rejects.toThrow('The agent speaks version 99 of the protocol, not 1');
  });

  it('that dies ends all commands', async () => {
    const { backend, die, events } = fakeVm(() => die('signal SIGSEGV'));
    const machine = await startMachine(backend, options);
    const died = {
      diagnostics: [{ code: 'DIB_VM_DIED', summary: 'The virtual machine (the fake) ended with signal SIGSEGV' }],
    };
    const first = machine.run({ argv: ['a'] }, {});
    const second = machine.run({ argv: ['b'] }, {});
    await expect(first).rejects.toMatchObject(died);
    await expect(second).rejects.toMatchObject(died);
    await machine.close();
    expect(events.at(-1)).toBe('disposed');
  });

  it('that hangs is killed, and one that only takes long is not', async () => {
    const watchdog = { every: 10, times: 5 };
    const { backend } = fakeVm(() => {});
    const machine = await startMachine(backend, { ...options, watchdog });
    await expect(machine.run({ argv: ['a'] }, {})).rejects.toMatchObject({
      diagnostics: [{ code: 'DIB_VM_DIED', summary: 'The virtual machine (the fake) hung, and was killed' }],
    });
    let pings = 0;
    const slow = fakeVm((text, say) => {
      if (text !== 'ping\n') return;
      pings += 1;
      say(':pong');
      if (pings === 30) say(':done 1 0');
    });
    const other = await startMachine(slow.backend, { ...options, watchdog });
    expect(await other.run({ argv: ['a'] }, {})).toMatchObject({ exitCode: 0 });
  });

  it('is told again to kill a command that was not there yet', async () => {
    let kills = 0;
    const { backend, events } = fakeVm((text, say) => {
      if (text !== 'kill KILL\n') return;
      kills += 1;
      if (kills === 2) say(':done 1 137');
    });
    const machine = await startMachine(backend, options);
    const interrupt = new AbortController();
    const run = machine.run({ argv: ['sleep'] }, { killSignal: interrupt.signal });
    setTimeout(() => interrupt.abort(), 10);
    await expect(run).rejects.toMatchObject({ diagnostics: [{ code: 'DIB_EXEC_INTERRUPTED' }] });
    expect(events.filter((event) => event === 'kill KILL')).toHaveLength(2);
  });

  it('takes no command without a program, or with a NUL byte', async () => {
    const { backend } = fakeVm(echo);
    const machine = await startMachine(backend, options);
    await expect(machine.run({ argv: [] }, {})).rejects.toThrow(RangeError);
    await expect(machine.run({ argv: ['a\0'] }, {})).rejects.toThrow(RangeError);
    expect((await machine.run({ argv: ['after'] }, {})).stdout).toBe('after\n');
  });
});
