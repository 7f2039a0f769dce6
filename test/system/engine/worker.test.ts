import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hostFiles } from '../../../src/host/files.ts';
import { readMounts } from '../../../src/host/mounts.ts';
import { bundleEngine, removeEngine } from '../../crash/support/bundle.ts';
import { IMAGE } from '../../crash/support/image.ts';
import type { Spec } from '../../crash/support/kinds.ts';
import { type FrontLine, type FrontRun, Rig } from '../../crash/support/rig.ts';
import { ORDINARY_USER } from '../../support/privileges.ts';

let support = '';
let rig: Rig;
beforeAll(async () => {
  support = await bundleEngine();
});
afterAll(() => removeEngine(support));
beforeEach(() => {
  rig = new Rig(support);
});
afterEach(() => rig.cleanUp());

const codes = (run: FrontRun) => run.lines.filter((line) => line.type === 'diagnostic').map((line) => line.diagnostic?.code);
const messages = (run: FrontRun) => run.lines.filter((line) => line.type === 'say').map((line) => line.message?.split(':')[0]);
const startOf = (address: string) => (line: FrontLine) => line.type === 'apply_start' && line.hook?.resource.addr === address;

/** A process in a session of its own, which tells by a file that it runs, and a parent that waits; both carry the directory's name. */
const stubborn = (root: string) =>
  `setsid sh -c 'touch ${root}/running; sleep 300; : ${root}' & trap "" TERM INT; while :; do sleep 0.1; done; : ${root}`;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

describe('processes of a run', () => {
  const spec = (): Spec => ({ 'file.slow': { inputs: { name: 'slow', content: '', run: stubborn(rig.root) } } });

  it('all die with a front that is killed', async () => {
    const run = await rig.run({
      operation: 'apply',
      spec: spec(),
      onLine: (line, pid) => {
        if (startOf('file.slow')(line)) void until(() => rig.exists('running')).then(() => process.kill(pid, 'SIGKILL'));
      },
    });
    expect(run.signal).toBe('SIGKILL');
    await rig.processesEnd();
    expect(rig.state().resources).toMatchObject([{ address: 'file.slow', status: 'creating' }]);
  });

  it('all die with a worker that is killed, and the front says what to do', async () => {
    let worker = 0;
    const run = await rig.run({
      operation: 'apply',
      spec: spec(),
      onLine: (line) => {
        if (line.type === 'worker_started') worker = (line as unknown as { pid: number }).pid;
        if (startOf('file.slow')(line)) void until(() => rig.exists('running')).then(() => process.kill(worker, 'SIGKILL'));
      },
    });
    expect(run.code).toBe(1);
    expect(codes(run)).toEqual(['DIB_WORKER_DIED']);
    await rig.processesEnd();
  });

  it('keep the state locked as long as they live', async () => {
    const run = await rig.run({
      operation: 'apply',
      spec: { 'file.slow': { inputs: { name: 'slow', content: '', run: `until [ -e ${rig.root}/go ]; do sleep 0.1; done` } } },
      onLine: (line) => {
        if (!startOf('file.slow')(line)) return;
        void rig.tryLock().then(async (free) => {
          expect(free).toBe(false);
          rig.write('go', '');
        });
      },
    });
    expect(run.code).toBe(0);
    expect(await rig.tryLock()).toBe(true);
  });
});

describe('in a user namespace', () => {
  it('everything dies with a front that is killed, and the next apply finishes', async () => {
    const mine = new Rig(support, ORDINARY_USER);
    try {
      const slow: Spec = {
        'file.slow': { inputs: { name: 'slow', content: '', run: `[ -e ${mine.root}/running ] || { ${stubborn(mine.root)}; }` } },
      };
      const run = await mine.run({
        operation: 'apply',
        spec: slow,
        onLine: (line, pid) => {
          if (startOf('file.slow')(line)) void until(() => mine.exists('running')).then(() => process.kill(pid, 'SIGKILL'));
        },
      });
      expect([run.signal, run.stderr]).toEqual(['SIGKILL', '']);
      await mine.processesEnd();
      const again = await mine.run({ operation: 'apply', spec: slow });
      expect([again.code, codes(again)]).toEqual([0, []]);
      expect((await mine.run({ operation: 'destroy', spec: {} })).code).toBe(0);
      expect(await mine.remainders()).toEqual([]);
    } finally {
      mine.cleanUp();
    }
  });
});

describe('interrupts', () => {
  const signalAt = (address: string, signals: readonly NodeJS.Signals[]) => {
    let sent = 0;
    const send = (pid: number) => {
      const signal = signals[sent++];
      if (signal !== undefined) process.kill(pid, signal);
    };
    return (line: FrontLine, pid: number) => {
      if (startOf(address)(line)) void until(() => rig.exists('running')).then(() => send(pid));
      if (line.type === 'say') send(pid);
    };
  };

  it('first: what cannot be stopped finishes, nothing new starts, everything is detached; exit status 130', async () => {
    const spec: Spec = {
      ...IMAGE,
      'file.notes': {
        inputs: { name: 'notes', content: 'n', run: `touch ${rig.root}/running; sleep 1` },
        dependsOn: ['tree.root'],
      },
      'file.later': { inputs: { name: 'later', content: '' }, dependsOn: ['file.notes'] },
    };
    const run = await rig.run({ operation: 'apply', spec, onLine: signalAt('file.notes', ['SIGINT']) });
    expect(run.code).toBe(130);
    expect(messages(run)).toEqual(['Interrupt received']);
    const state = rig.state();
    expect(state.resources.find((resource) => resource.address === 'file.notes')?.status).toBe('created');
    expect(state.resources.some((resource) => resource.address === 'file.later')).toBe(false);
    expect(state.resources.every((resource) => resource.attachment === undefined)).toBe(true);
    expect((await rig.remainders()).filter((text) => !text.startsWith('file '))).toEqual([]);
  });

  it('first: what runs long is stopped after the grace; SIGTERM gives 143', async () => {
    const spec: Spec = {
      'layer.base': { inputs: { content: '', run: `touch ${rig.root}/running; sleep 300` } },
      'file.x': { inputs: { name: 'x', content: '' }, dependsOn: ['layer.base'] },
    };
    const run = await rig.run({ operation: 'apply', spec, onLine: signalAt('layer.base', ['SIGTERM']) });
    expect(run.code).toBe(143);
    expect(codes(run)).toEqual(['DIB_EXEC_INTERRUPTED']);
    expect(rig.state().resources).toEqual([]);
  });

  it('second: what runs is killed', async () => {
    const spec: Spec = { 'file.slow': { inputs: { name: 'slow', content: '', run: stubborn(rig.root) } } };
    const run = await rig.run({ operation: 'apply', spec, onLine: signalAt('file.slow', ['SIGINT', 'SIGINT']) });
    expect(run.code).toBe(130);
    expect(messages(run)).toEqual(['Interrupt received', 'Second interrupt']);
    expect(codes(run)).toEqual(['DIB_EXEC_INTERRUPTED']);
    expect(rig.state().resources).toMatchObject([{ address: 'file.slow', status: 'tainted' }]);
    await rig.processesEnd();
  });
});

describe('attach', () => {
  it('leaves the image mounted in the caller’s namespace, until destroy', async () => {
    expect((await rig.run({ operation: 'apply', spec: IMAGE })).code).toBe(0);
    expect((await rig.run({ operation: 'attach', spec: IMAGE })).code).toBe(0);
    const targets = async () =>
      (await readMounts(hostFiles())).map((mount) => mount.target).filter((target) => target.startsWith(rig.root));
    expect(await targets()).toEqual([join(rig.root, '.dib/work/mnt/a'), join(rig.root, '.dib/work/mnt/a/lower')]);
    expect((await rig.run({ operation: 'destroy', spec: {} })).code).toBe(0);
    expect(await targets()).toEqual([]);
    expect(await rig.remainders()).toEqual([]);
  });
});
