import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Command } from '../../src/exec/command.ts';
import type { Machine } from '../../src/exec/machine.ts';
import type { RunnerOptions } from '../../src/exec/run.ts';
import { umlBackend } from '../../src/vm/uml.ts';
import { startMachine } from '../../src/vm/vm-machine.ts';
import { usernsWorkerArgv } from '../../src/workers/userns.ts';
import { type Bench, layerBench } from '../support/layer-runs.ts';
import { asOrdinaryUser, needRoot, ORDINARY_USER } from '../support/privileges.ts';

const MIB = 1024 * 1024;
const directory = mkdtempSync('/var/tmp/dib-test-uml-');
/** Where mounts of the machine go: in its own memory, so that a missing one cannot let anything out. */
const MOUNT_POINT = '/run/dib/tmp';
let machine: Machine;

beforeAll(async () => {
  needRoot();
  machine = await startMachine(umlBackend, { scratch: directory, memory: 512 });
});

afterAll(async () => {
  await machine?.close();
  rmSync(directory, { recursive: true });
});

/** Standard output of a command in the machine. */
async function run(argv: readonly string[], input?: string): Promise<string> {
  return (await machine.run({ argv, input }, {})).stdout.trim();
}

/** A log in memory. */
function recordingLog() {
  const chunks: Uint8Array[] = [];
  const log: NonNullable<RunnerOptions['log']> = {
    path: '/the/log',
    write: (data) => void chunks.push(Buffer.from(data)),
    close: () => {},
  };
  return { log, bytes: () => Buffer.concat(chunks) };
}

/** The first diagnostic of a command that fails. */
async function failure(command: Command, options: RunnerOptions = {}) {
  return await machine.run(command, options).then(
    () => expect.fail(`${command.argv.join(' ')} did not fail`),
    (error) => error.diagnostics[0],
  );
}

/** A file without content. */
function makeFile(name: string, mebibytes: number): string {
  const file = join(directory, name);
  writeFileSync(file, '');
  truncateSync(file, mebibytes * MIB);
  return file;
}

/** A loop device in the machine over a part of a file. */
async function slice(file: string, start: number, length: number): Promise<string> {
  const where = ['--offset', String(start * MIB), '--sizelimit', String(length * MIB)];
  return await run(['losetup', '--find', '--show', ...where, await machine.see(file)]);
}

/** Processes of user-mode Linux below a process, as this machine's /proc shows them. */
function machinesBelow(owner: number): number[] {
  const children = readdirSync(`/proc/${owner}/task`).flatMap((task) =>
    readFileSync(`/proc/${owner}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return children.flatMap((pid) => {
    const isMachine = readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'linux.uml';
    return [...(isMachine ? [pid] : []), ...machinesBelow(pid)];
  });
}

describe('the machine', () => {
  it('is a kernel of its own, without a network, that sees files of this machine', async () => {
    expect(machine).toMatchObject({ name: 'uml', shared: false });
    expect(await run(['cat', '/proc/sys/kernel/random/boot_id'])).toBe(machine.bootId);
    expect(existsSync(`/usr/lib/uml/modules/${await run(['uname', '-r'])}`)).toBe(true);
    expect(await run(['ls', '/sys/class/net'])).toBe('lo');
    const file = join(directory, 'seen');
    writeFileSync(file, 'once');
    expect(await run(['cat', await machine.see(file)])).toBe('once');
    writeFileSync(file, 'and again');
    expect(await run(['cat', await machine.see(file)])).toBe('and again');
    await run(['sh', '-c', 'echo inside > "$1"', '--', file]);
    expect(readFileSync(file, 'utf8')).toBe('inside\n');
  });

  it('sees files of this machine where it has directories of its own', async () => {
    const place = mkdtempSync('/dev/shm/dib-test-uml-');
    try {
      writeFileSync(join(place, 'file'), 'behind');
      expect(existsSync(join(place, 'file'))).toBe(true);
      expect(await run(['cat', await machine.see(join(place, 'file'))])).toBe('behind');
    } finally {
      rmSync(place, { recursive: true });
    }
  });
});

describe('a command', () => {
  it('gets its words, variables and directory as they are', async () => {
    const words = [
      '',
      ' a  b ',
      "it's",
      '"',
      '$HOME',
      '`x`',
      '\\n',
      '*',
      'é\u{1F600}',
      'two\nlines\n',
      '-n',
      'x'.repeat(100_000),
    ];
    const { stdout } = await machine.run({ argv: ['printf', '%s|', ...words] }, {});
    expect(stdout).toBe(words.map((word) => `${word}|`).join(''));
    const odd = { NAME: 'a b\n$c', EMPTY: '', LC_ALL: 'C.UTF-8' };
    const { stdout: variables } = await machine.run({ argv: ['env', '--null'], env: odd }, {});
    for (const [name, value] of Object.entries(odd)) expect(variables.split('\0')).toContain(`${name}=${value}`);
    expect(variables).not.toMatch(/DIB_|uml_dir|mem=/);
    expect((await machine.run({ argv: ['pwd'], cwd: directory }, {})).stdout).toBe(`${directory}\n`);
  });

  it('gives all that it prints, byte by byte', async () => {
    const numbers = await machine.run({ argv: ['seq', '1', '760000'] }, {});
    expect(numbers.stdout.length).toBeGreaterThan(5_000_000);
    expect(numbers.stdout).toBe(execFileSync('seq', ['1', '760000'], { encoding: 'utf8', maxBuffer: 16 * MIB }));
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    writeFileSync(join(directory, 'bytes'), bytes);
    const { log, bytes: logged } = recordingLog();
    await machine.run({ argv: ['tee', '/dev/stderr'], cwd: directory, input: ':done 1 0\n:stdout\n' }, { log });
    await machine.run({ argv: ['cat', join(directory, 'bytes')] }, { log });
    expect(logged().includes(bytes)).toBe(true);
    const plain = 'a:\\n\\c\\\\ &\tb\n\n:pong\\';
    expect((await machine.run({ argv: ['printf', '%s', plain] }, {})).stdout).toBe(plain);
    expect(
      logged()
        .toString('latin1')
        .match(/^:done 1 0\n:stdout$/gm),
    ).toHaveLength(2);
  });

  it('reads what it is given, which no log shows', async () => {
    const { log, bytes } = recordingLog();
    const secret = `a secret without an end of line ${'é'.repeat(40_000)}`;
    const { stdout } = await machine.run({ argv: ['sha256sum'], input: secret }, { log });
    expect(stdout).toBe(execFileSync('sha256sum', { input: secret, encoding: 'utf8' }));
    expect((await machine.run({ argv: ['cat'], input: '' }, {})).stdout).toBe('');
    expect(bytes().toString()).toMatch(/^\$ sha256sum\n[0-9a-f]{64} {2}-\n\[exit status 0 after [0-9.]+ s\]\n$/);
    expect(await run(['sh', '-c', 'ls -l /run/dib/stdin'])).toMatch(/ 0 /);
  });

  it('fails as it would on this machine', async () => {
    const { log } = recordingLog();
    const options = { address: 'vgs.data', log };
    expect(await failure({ argv: ['sh', '-c', 'echo said; echo why >&2; exit 3'] }, options)).toMatchObject({
      code: 'DIB_EXEC_FAILED',
      summary: '`sh` failed with exit status 3 in the virtual machine (user-mode Linux)',
      detail: 'Its last lines:\n  said\n  why\nThe whole log: /the/log',
      help: "What ran there:\n  sh -c 'echo said; echo why >&2; exit 3'",
      address: 'vgs.data',
    });
    expect(await failure({ argv: ['sh', '-c', 'kill -SEGV $$'] })).toMatchObject({
      code: 'DIB_EXEC_FAILED',
      summary: '`sh` was killed by signal SIGSEGV in the virtual machine (user-mode Linux)',
    });
    expect(await failure({ argv: ['no-such-program', 'x'] }, options)).toMatchObject({
      code: 'DIB_EXEC_NOT_FOUND',
      summary: 'The program `no-such-program` is not installed',
    });
    expect(await failure({ argv: ['/no/such/program'] })).toMatchObject({ code: 'DIB_EXEC_NOT_FOUND' });
    expect(await failure({ argv: ['/etc/passwd'] })).toMatchObject({
      summary: '`/etc/passwd` could not be started: it is not executable',
    });
    expect(await failure({ argv: ['true'], cwd: '/no/such' })).toMatchObject({
      summary: '`true` could not be started: its directory /no/such does not exist',
    });
    expect(await machine.run({ argv: ['sh', '-c', 'exit 5'], okExitCodes: [0, 5] }, {})).toMatchObject({ exitCode: 5 });
  });

  it('waits for those before it, and leaves nothing running', async () => {
    const file = join(directory, 'order');
    const append = (text: string) => run(['sh', '-c', `sleep 0.1; echo ${text} >>"$1"`, '--', file]);
    await Promise.all([append('first'), append('second'), append('third')]);
    expect(readFileSync(file, 'utf8')).toBe('first\nsecond\nthird\n');
    await run(['sh', '-c', 'sleep 4321 & exit 0']);
    expect(await run(['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "'])).not.toContain('sleep 4321');
  });

  it('ends with its signals, which the machine outlives', async () => {
    const interrupted = { code: 'DIB_EXEC_INTERRUPTED' };
    const killed = new AbortController();
    const { log, bytes } = recordingLog();
    const sleeping = failure({ argv: ['sh', '-c', 'echo begun; sleep 1000'] }, { killSignal: killed.signal, log });
    setTimeout(() => killed.abort(), 300);
    expect(await sleeping).toMatchObject(interrupted);
    expect(bytes().toString()).toMatch(/\[signal SIGKILL after/);
    expect(await failure({ argv: ['true'] }, { killSignal: killed.signal })).toMatchObject(interrupted);

    const stopped = new AbortController();
    const deaf = ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'];
    const enduring = failure({ argv: deaf }, { signal: stopped.signal, grace: 200 });
    setTimeout(() => stopped.abort(), 300);
    expect(await enduring).toMatchObject(interrupted);
    expect(await failure({ argv: ['true'] }, { signal: stopped.signal })).toMatchObject(interrupted);
    expect(await run(['echo', 'alive'])).toBe('alive');
  });
});

describe('stacks of devices', () => {
  it.each(['0', '1', '5', '6', '10'])('assembles RAID %s', async (level) => {
    const files = [1, 2, 3, 4].map((number) => makeFile(`raid${level}-${number}`, 40));
    const members = await Promise.all(files.map((file) => slice(file, 2, 32)));
    const create = ['mdadm', '--create', '/dev/md/ours', '--run', '--metadata=1.2', `--level=${level}`, '--raid-devices=4'];
    await run([...create, '--assume-clean', '--data-offset=1M', ...members]);
    const array = await run(['readlink', '--canonicalize', '/dev/md/ours']);
    expect(await run(['cat', array.replace('/dev/', '/sys/class/block/').concat('/md/level')])).toBe(`raid${level}`);
    await run(['mkfs.ext4', '-q', '/dev/md/ours']);
    await run(['mdadm', '--stop', '/dev/md/ours']);
    await run(['losetup', '--detach', ...members]);
    // Metadata 1.2 begins 4 KiB into a member: md(4).
    for (const file of files) expect(readFileSync(file).readUInt32LE(2 * MIB + 4096)).toBe(0xa92b4efc);
  });

  it('holds a thin volume in LUKS, filled from outside', async () => {
    const file = makeFile('disk', 700);
    const secret = 'not a word of it outside';
    const loop = await slice(file, 1, 699);
    const format = ['cryptsetup', 'luksFormat', '--batch-mode', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
    await run([...format, '--key-file', '-', loop], secret);
    await run(['cryptsetup', 'open', '--key-file', '-', loop, 'plain'], secret);
    await run(['vgcreate', 'my-data', '/dev/mapper/plain']);
    await run(['lvcreate', '--type', 'thin-pool', '--size', '600M', '--name', 'pool', 'my-data']);
    await run(['lvcreate', '--thin', '--virtualsize', '1G', '--name', 'ro-ot', 'my-data/pool']);
    const image = makeFile('image', 500);
    execFileSync('mkfs.ext4', ['-q', '-d', '/usr/share/perl', image]);
    await run(['dd', `if=${await machine.see(image)}`, 'of=/dev/my-data/ro-ot', 'bs=4M', 'conv=sparse,fsync', 'status=none']);
    expect(Number(await run(['lvs', '--noheadings', '--options', 'data_percent', 'my-data/ro-ot']))).toBeLessThan(20);
    await run(['mount', '/dev/my-data/ro-ot', MOUNT_POINT]);
    await run(['diff', '--recursive', '--no-dereference', '/usr/share/perl', MOUNT_POINT, '--exclude=lost+found']);
    await run(['umount', MOUNT_POINT]);
    const names = [
      'control',
      'my--data-pool',
      'my--data-pool-tpool',
      'my--data-pool_tdata',
      'my--data-pool_tmeta',
      'my--data-ro--ot',
    ];
    expect((await run(['ls', '/dev/mapper'])).split('\n').sort()).toEqual([...names, 'plain']);
    await run(['vgchange', '--activate', 'n', 'my-data']);
    await run(['cryptsetup', 'close', 'plain']);
    await run(['losetup', '--detach', loop]);
    expect(await run(['ls', '/dev/mapper'])).toBe('control');
    const bytes = readFileSync(file);
    expect(bytes.toString('latin1', MIB, MIB + 6)).toBe('LUKS\xba\xbe');
    expect(bytes.includes(secret)).toBe(false);
  });

  it.each(['ext4', 'xfs', 'btrfs', 'vfat'])('mounts %s', async (type) => {
    const file = makeFile(type, 320);
    const loop = await slice(file, 0, 320);
    await run([`mkfs.${type}`, loop]);
    await run(['mount', loop, MOUNT_POINT]);
    await run(['cp', '/etc/passwd', MOUNT_POINT]);
    expect(await run(['findmnt', '--noheadings', '--output', 'FSTYPE,SOURCE', MOUNT_POINT])).toMatch(
      new RegExp(`^${type} +${loop}$`),
    );
    await run(['umount', MOUNT_POINT]);
    await run(['losetup', '--detach', loop]);
    expect(readFileSync(file).includes(readFileSync('/etc/passwd'))).toBe(true);
  });
});

describe('the end of the machine', () => {
  it('ends what runs with DIB_VM_DIED, and all that comes later', async () => {
    const others = machinesBelow(process.pid);
    const victim = await startMachine(umlBackend, { scratch: directory, memory: 128 });
    expect(victim.bootId).not.toBe(machine.bootId);
    const sleeping = victim.run({ argv: ['sleep', '1000'] }, { address: 'raid.data' });
    const queued = victim.run({ argv: ['true'] }, {});
    // The first of its processes is its kernel.
    const pid = machinesBelow(process.pid).find((candidate) => !others.includes(candidate));
    process.kill(pid ?? 0, 'SIGKILL');
    const died = {
      diagnostics: [
        {
          code: 'DIB_VM_DIED',
          summary: expect.stringMatching(/^The virtual machine \(user-mode Linux\) ended with /),
          detail: expect.stringMatching(/^What was attached in it is gone with it. The end of its console:\n/),
          help: expect.stringContaining('`dib apply`'),
        },
      ],
    };
    await expect(sleeping).rejects.toMatchObject(died);
    await expect(queued).rejects.toMatchObject(died);
    await expect(victim.run({ argv: ['true'] }, {})).rejects.toMatchObject(died);
    await victim.close();
    expect(readdirSync(directory).filter((name) => name.startsWith('uml-'))).toHaveLength(1);
    expect(await run(['echo', 'the other one lives'])).toBe('the other one lives');
  });

  it('is brought about when it hangs', async () => {
    const others = machinesBelow(process.pid);
    const watchdog = { every: 200, times: 10 };
    const victim = await startMachine(umlBackend, { scratch: directory, memory: 128, watchdog });
    const sleeping = victim.run({ argv: ['sleep', '3000'] }, {});
    const pid = machinesBelow(process.pid).find((candidate) => !others.includes(candidate));
    process.kill(pid ?? 0, 'SIGSTOP');
    await expect(sleeping).rejects.toMatchObject({
      diagnostics: [{ code: 'DIB_VM_DIED', summary: 'The virtual machine (user-mode Linux) hung, and was killed' }],
    });
    await victim.close();
  });

  it('is told with the console when it does not come up', async () => {
    const small = startMachine(umlBackend, { scratch: directory, memory: 4 });
    await expect(small).rejects.toMatchObject({
      exitCode: 69,
      diagnostics: [{ code: 'DIB_VM_BOOT', detail: expect.stringContaining('The end of its console:\n') }],
    });
    const late = startMachine({ ...umlBackend, bootLimit: 0.05 }, { scratch: directory, memory: 128 });
    await expect(late).rejects.toMatchObject({
      diagnostics: [{ code: 'DIB_VM_BOOT', summary: 'The virtual machine (user-mode Linux) did not answer in 0.05 seconds' }],
    });
    expect(readdirSync(directory).filter((name) => name.startsWith('uml-'))).toHaveLength(1);
    expect(execFileSync('findmnt', ['--list', '--noheadings', '--output', 'TARGET'], { encoding: 'utf8' })).not.toContain(
      directory,
    );
  });

  it('may be in a directory with a long name and spaces', async () => {
    const scratch = join(directory, 'a place', 'long'.repeat(50));
    mkdirSync(scratch, { recursive: true });
    const other = await startMachine(umlBackend, { scratch, memory: 128 });
    expect((await other.run({ argv: ['echo', 'there'] }, {})).stdout).toBe('there\n');
    await other.close();
    expect(readdirSync(scratch)).toEqual([]);
  });
});

describe('in a process of its own', () => {
  let bench: Bench;

  beforeAll(() => {
    bench = layerBench();
  });

  afterAll(() => bench.remove());

  function driver(name: string, prefix: readonly string[], request: object) {
    const place = join(bench.directory, name);
    mkdirSync(place);
    if (name === 'ordinary') execFileSync('chown', [ORDINARY_USER, place]);
    const whole = { backend: 'uml', dist: join(bench.directory, 'dist'), scratch: place, files: {}, ...request };
    writeFileSync(join(place, 'request.json'), JSON.stringify(whole));
    const argv = [...prefix, 'node', join(bench.directory, 'test/support/vm-driver.mjs'), join(place, 'request.json')];
    const child = spawn(argv[0] ?? '', argv.slice(1), { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => child.once('close', resolve));
    return { place, child, ended, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  }

  it('works for an ordinary user in a user namespace, with root and other owners', async () => {
    const place = join(bench.directory, 'ordinary');
    const disk = join(place, 'disk');
    const commands = [
      ['id', '--user'],
      ['truncate', '--size=64M', disk],
      ['losetup', '--find', '--show', disk],
      ['vgcreate', '--quiet', '--quiet', 'data', '/dev/loop0'],
      ['lvcreate', '--quiet', '--quiet', '--size=40M', '--name=lv', 'data'],
      ['mkfs.ext4', '-q', '/dev/data/lv'],
      ['mount', '/dev/data/lv', MOUNT_POINT],
      ['chown', '42:4711', `${MOUNT_POINT}/lost+found`],
      ['umount', MOUNT_POINT],
      ['mount', '/dev/data/lv', MOUNT_POINT],
      ['stat', '--format=%u:%g', `${MOUNT_POINT}/lost+found`],
      ['touch', join(place, 'made')],
      ['chown', '42', join(place, 'made')],
    ];
    const prefix = [...asOrdinaryUser(), ...usernsWorkerArgv([])];
    const { lines, ended } = driver('ordinary', prefix, { commands });
    const printed: unknown[] = [];
    for (const _ of commands) printed.push(JSON.parse((await lines.next()).value));
    expect(printed).toEqual(['0', '', '/dev/loop0', '', '', '', '', '', '', '', '42:4711', '', '']);
    expect(await ended).toBe(0);
    expect(readdirSync(place).sort()).toEqual(['disk', 'made', 'request.json']);
  });

  it('goes with a process that is killed', async () => {
    const { child, lines, ended } = driver('killed', [], { commands: [], hold: true });
    expect((await lines.next()).value).toBe('"holding"');
    const machines = machinesBelow(child.pid ?? 0);
    expect(machines.length).toBeGreaterThan(1);
    child.kill('SIGKILL');
    await ended;
    for (const pid of machines) while (existsSync(`/proc/${pid}`)) await delay(20);
  });
});
