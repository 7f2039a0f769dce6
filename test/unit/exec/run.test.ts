import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DibError } from '../../../src/diagnostics/errors.ts';
import { openActionLog } from '../../../src/exec/action-log.ts';
import { createRunner } from '../../../src/exec/run.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-exec-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

async function failure(promise: Promise<unknown>): Promise<DibError> {
  try {
    await promise;
  } catch (error) {
    return error as DibError;
  }
  throw new Error('expected a failure');
}

const alive = (pid: number) => {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

describe('createRunner', () => {
  it('captures both streams and logs command, output and ending', async () => {
    const log = openActionLog(join(directory, 'logs', 'a.log'));
    const lines: string[] = [];
    const run = createRunner({ log, onOutput: (line, stream) => lines.push(`${stream}: ${line}`) });
    const result = await run.run({ argv: ['sh', '-c', "echo one; printf 'two\\rthree' >&2"], env: { A: 'b c' } });
    log.close();
    expect(result).toEqual({ exitCode: 0, stdout: 'one\n', stderr: 'two\rthree' });
    expect(lines.sort()).toEqual(['stderr: three', 'stderr: two', 'stdout: one']);
    const text = readFileSync(log.path, 'utf8');
    expect(text.split('\n')[0]).toBe(`$ env A='b c' sh -c 'echo one; printf '\\''two\\rthree'\\'' >&2'`);
    expect(text).toMatch(/\[exit status 0 after \d+\.\d s\]\n$/);
    expect(statSync(log.path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'logs')).mode & 0o777).toBe(0o700);
  });

  it('gives a minimal environment, input and directory', async () => {
    process.env['DIB_TEST_SECRET'] = 'leak';
    const run = createRunner({ env: { FROM: 'runner', OVER: 'runner' } });
    const result = await run.run({
      argv: ['sh', '-c', 'cat; pwd; env'],
      input: 'typed\n',
      cwd: directory,
      env: { OVER: 'command' },
    });
    delete process.env['DIB_TEST_SECRET'];
    const lines = result.stdout.split('\n');
    expect(lines.slice(0, 2)).toEqual(['typed', directory]);
    expect(lines).toContain('LC_ALL=C');
    expect(lines).toContain('FROM=runner');
    expect(lines).toContain('OVER=command');
    expect(result.stdout).not.toContain('leak');
  });

  it('shows the ending, the last 20 lines, the log and a command to paste', async () => {
    const log = openActionLog(join(directory, 'f.log'));
    const error = await failure(
      createRunner({ log, address: 'mkfs.root' }).run({
        argv: ['sh', '-c', 'seq 1 30; echo "\u001b[31mred" >&2; exit 3'],
        cwd: '/',
      }),
    );
    const [diagnostic] = error.diagnostics;
    expect(diagnostic?.code).toBe('DIB_EXEC_FAILED');
    expect(diagnostic?.address).toBe('mkfs.root');
    expect(diagnostic?.summary).toBe('`sh` failed with exit status 3');
    const lines = diagnostic?.detail?.split('\n') ?? [];
    expect(lines[0]).toBe('Its last lines:');
    expect(lines).toHaveLength(22);
    expect(lines).toContain('  30');
    expect(diagnostic?.detail).toContain('\\x1b[31mred');
    expect(lines.at(-1)).toBe(`The whole log: ${log.path}`);
    expect(diagnostic?.help).toBe(`To run it by hand:\n  cd / && sh -c 'seq 1 30; echo "\u001b[31mred" >&2; exit 3'`);
    expect(error.exitCode).toBe(1);
  });

  it('accepts the exit statuses that the command declares', async () => {
    const result = await createRunner().run({ argv: ['sh', '-c', 'exit 4'], okExitCodes: [0, 4] });
    expect(result.exitCode).toBe(4);
  });

  it('names the signal', async () => {
    const error = await failure(createRunner().run({ argv: ['sh', '-c', 'kill -SEGV $$'] }));
    expect(error.diagnostics[0]?.summary).toBe('`sh` was killed by signal SIGSEGV');
    expect(error.diagnostics[0]?.detail).toBe('It printed nothing.');
  });

  it('says which package has a missing program', async () => {
    const error = await failure(
      createRunner({ env: { PATH: directory }, address: 'output.qcow2' }).run({ argv: ['qemu-img', '--version'] }),
    );
    expect(error.exitCode).toBe(69);
    expect(error.diagnostics[0]).toMatchObject({
      code: 'DIB_EXEC_NOT_FOUND',
      summary: 'The program `qemu-img` is not installed',
      detail: '`output.qcow2` needs it.',
      help: 'Install it: `apt-get install qemu-utils` (or `dib doctor --install`).',
    });
  });

  it('tells a missing directory from a missing program', async () => {
    const error = await failure(createRunner().run({ argv: ['true'], cwd: '/nowhere/at/all' }));
    expect(error.diagnostics[0]?.summary).toBe('`true` could not be started: its directory /nowhere/at/all does not exist');
  });

  it('ends the whole process group on abort, by force where it does not listen', async () => {
    const controller = new AbortController();
    const pids: number[] = [];
    const run = createRunner({
      signal: controller.signal,
      grace: 100,
      onOutput: (line) => {
        pids.push(Number(line));
        if (pids.length === 2) controller.abort();
      },
    });
    const error = await failure(
      run.run({ argv: ['sh', '-c', "trap '' TERM; (sleep 300) & echo $!; echo $$; while :; do sleep 0.1; done"] }),
    );
    expect(error.diagnostics[0]?.code).toBe('DIB_EXEC_INTERRUPTED');
    expect(error.exitCode).toBe(130);
    expect(pids).toHaveLength(2);
    while (pids.some(alive)) await delay(10);
  });

  it('kills at once on the second signal, and starts nothing after an abort', async () => {
    const kill = new AbortController();
    const run = createRunner({ killSignal: kill.signal, onOutput: () => kill.abort() });
    const script = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
    expect((await failure(run.run({ argv: ['sh', '-c', script] }))).diagnostics[0]?.code).toBe('DIB_EXEC_INTERRUPTED');
    const marker = join(directory, 'ran');
    expect((await failure(run.run({ argv: ['touch', marker] }))).diagnostics[0]?.code).toBe('DIB_EXEC_INTERRUPTED');
    expect(() => statSync(marker)).toThrow('ENOENT');
  });

  it('does not wait for a daemon that keeps the output open', async () => {
    const script = "setsid sh -c 'touch ready; exec sleep 300' & until [ -e ready ]; do sleep 0.01; done; echo $!";
    const result = await createRunner().run({ argv: ['sh', '-c', script], cwd: directory });
    process.kill(Number(result.stdout), 'SIGKILL');
  });

  it('kills what a finished command left in its process group', async () => {
    const result = await createRunner().run({ argv: ['sh', '-c', 'sleep 300 >/dev/null 2>&1 & echo $!'] });
    const pid = Number(result.stdout);
    while (alive(pid)) await delay(10);
  });
});
