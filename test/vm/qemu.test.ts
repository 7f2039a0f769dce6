import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Machine } from '../../src/exec/machine.ts';
import { qemuBackend } from '../../src/vm/qemu.ts';
import { startMachine } from '../../src/vm/vm-machine.ts';
import { usernsWorkerArgv } from '../../src/workers/userns.ts';
import { type Bench, layerBench } from '../support/layer-runs.ts';
import { asOrdinaryUser, needRoot, ORDINARY_USER } from '../support/privileges.ts';

const MIB = 1024 * 1024;
const directory = mkdtempSync('/var/tmp/dib-test-qemu-');
const cache = join(directory, 'cache');
let machine: Machine;

beforeAll(async () => {
  needRoot();
  machine = await startMachine(qemuBackend({ cache, accelerator: 'tcg' }), { scratch: directory, memory: 768 });
});

afterAll(async () => {
  await machine?.close();
  rmSync(directory, { recursive: true });
});

/** Standard output of a command in the machine. */
async function run(argv: readonly string[], input?: string): Promise<string> {
  return (await machine.run({ argv, input }, {})).stdout.trim();
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

/** Processes of QEMU that this process, or another one, has started. */
function machinesOf(owner: number): number[] {
  const children = readdirSync(`/proc/${owner}/task`).flatMap((task) =>
    readFileSync(`/proc/${owner}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('qemu-system-'));
}

describe('the machine', () => {
  it('is a kernel of its own, without a network', async () => {
    expect(machine).toMatchObject({ name: 'qemu', shared: false });
    expect(await run(['cat', '/proc/sys/kernel/random/boot_id'])).toBe(machine.bootId);
    expect(existsSync(`/lib/modules/${await run(['uname', '-r'])}`)).toBe(true);
    expect(await run(['ls', '/sys/class/net'])).toBe('lo');
  });

  it('shows a file as one device, and another file as another', async () => {
    const [one, two] = [makeFile('one', 3), makeFile('two', 5)];
    symlinkSync(one, join(directory, 'link'));
    const [first, second] = [await machine.see(one), await machine.see(two)];
    expect(await machine.see(join(directory, 'link'))).toBe(first);
    expect(await run(['blockdev', '--getsize64', '--getss', first])).toBe(`${3 * MIB}\n512`);
    expect(await run(['blockdev', '--getsize64', '--getss', second])).toBe(`${5 * MIB}\n512`);
  });

  it('refuses a file that is not there', async () => {
    const missing = machine.see(join(directory, 'missing'));
    await expect(missing).rejects.toMatchObject({ diagnostics: [{ code: 'DIB_VM_NO_DISK' }] });
  });

  it('writes through a slice of a device to the right place of the file', async () => {
    const file = makeFile('sliced', 8);
    const loop = await slice(file, 3, 2);
    expect(await run(['blockdev', '--getsize64', loop])).toBe(String(2 * MIB));
    await run(['dd', `of=${loop}`, 'bs=1M', 'seek=1', 'conv=fsync', 'status=none'], 'said inside');
    expect(readFileSync(file).toString('latin1', 4 * MIB, 4 * MIB + 11)).toBe('said inside');
    await run(['losetup', '--detach', loop]);
  });
});

describe('stacks of devices', () => {
  const secret = 'not a word of it outside';

  it('holds a thin volume in LUKS on RAID, filled from an archive', async () => {
    const files = [makeFile('disk0', 256), makeFile('disk1', 256)];
    const members = [await slice(files[0] ?? '', 1, 250), await slice(files[1] ?? '', 1, 250)];
    const create = ['mdadm', '--create', '/dev/md0', '--run', '--metadata=1.2', '--level=1', '--raid-devices=2'];
    await run([...create, '--assume-clean', '--data-offset=1M', ...members]);
    const format = ['cryptsetup', 'luksFormat', '--batch-mode', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
    await run([...format, '--key-file', '-', '/dev/md0'], secret);
    await run(['cryptsetup', 'open', '--key-file', '-', '/dev/md0', 'plain'], secret);
    await run(['vgcreate', 'data', '/dev/mapper/plain']);
    await run(['lvcreate', '--type', 'thin-pool', '--size', '160M', '--name', 'pool', 'data']);
    await run(['lvcreate', '--thin', '--virtualsize', '400M', '--name', 'thin', 'data/pool']);
    await run(['mkfs.ext4', '-q', '/dev/data/thin']);
    await run(['mount', '/dev/data/thin', '/mnt']);
    const archive = join(directory, 'archive.tar');
    execFileSync('tar', ['--create', `--file=${archive}`, '--directory=/etc', 'passwd', 'apt']);
    await run(['tar', '--extract', `--file=${await machine.see(archive)}`, '--directory=/mnt']);
    expect(await run(['cat', '/mnt/passwd'])).toBe(readFileSync('/etc/passwd', 'utf8').trim());
    await run(['umount', '/mnt']);
    await run(['vgchange', '--activate', 'n', 'data']);
    await run(['cryptsetup', 'close', 'plain']);
    await run(['mdadm', '--stop', '/dev/md0']);
    await run(['losetup', '--detach', ...members]);
    for (const file of files) {
      const bytes = readFileSync(file);
      // The superblock of metadata 1.2 lies 4 KiB into a member (md(4)), and what is in the array from the data offset on.
      expect(bytes.readUInt32LE(MIB + 4096)).toBe(0xa92b4efc);
      expect(bytes.toString('latin1', 2 * MIB, 2 * MIB + 6)).toBe('LUKS\xba\xbe');
      expect(bytes.includes(secret)).toBe(false);
    }
  });

  it('leaves file systems that this host finds whole', async () => {
    const [xfs, btrfs] = [makeFile('xfs', 320), makeFile('btrfs', 128)];
    const device = await machine.see(xfs);
    await run(['mkfs.xfs', '-q', device]);
    await run(['mount', device, '/mnt']);
    await run(['cp', '/vm-agent', '/mnt/agent']);
    await run(['umount', '/mnt']);
    await run(['mkfs.btrfs', '-q', await machine.see(btrfs)]);
    await run(['sync']);
    execFileSync('xfs_repair', ['-n', '-f', xfs], { stdio: 'ignore' });
    execFileSync('btrfs', ['check', '--readonly', btrfs], { stdio: 'ignore' });
    expect(readFileSync(xfs).includes(readFileSync('libexec/vm-agent'))).toBe(true);
  });
});

describe('the end of QEMU', () => {
  it('ends what runs with DIB_VM_DIED, and all that comes later', async () => {
    const died = { diagnostics: [{ code: 'DIB_VM_DIED' }] };
    const sleeping = machine.run({ argv: ['sleep', '1000'] }, {});
    const [pid] = machinesOf(process.pid);
    process.kill(pid ?? 0, 'SIGKILL');
    await expect(sleeping).rejects.toMatchObject(died);
    await expect(machine.run({ argv: ['true'] }, {})).rejects.toMatchObject(died);
    await machine.close();
    expect(machinesOf(process.pid)).toEqual([]);
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
    writeFileSync(join(place, 'readable'), 'for reading only');
    truncateSync(join(place, 'readable'), MIB);
    chmodSync(join(place, 'readable'), 0o444);
    if (name === 'ordinary') execFileSync('chown', [ORDINARY_USER, place]);
    const whole = { dist: join(bench.directory, 'dist'), cache: join(place, 'cache'), scratch: place, files: {}, ...request };
    writeFileSync(join(place, 'request.json'), JSON.stringify(whole));
    const argv = [...prefix, 'node', join(bench.directory, 'test/support/vm-driver.mjs'), join(place, 'request.json')];
    const child = spawn(argv[0] ?? '', argv.slice(1), { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => child.once('close', resolve));
    return { child, ended, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  }

  it('boots for an ordinary user in a user namespace, who cannot write to what is only readable', async () => {
    const file = join(bench.directory, 'ordinary/readable');
    const commands = [
      ['id', '--user'],
      ['head', '--bytes=16', 'file'],
      ['blockdev', '--getro', 'file'],
    ];
    const prefix = [...asOrdinaryUser(), ...usernsWorkerArgv([])];
    const { lines, ended } = driver('ordinary', prefix, { files: { file }, commands });
    for (const expected of ['0', 'for reading only', '1']) expect((await lines.next()).value).toBe(JSON.stringify(expected));
    expect(await ended).toBe(0);
  });

  it('goes with a process that is killed', async () => {
    const { child, lines, ended } = driver('killed', [], { commands: [], hold: true });
    expect((await lines.next()).value).toBe('"holding"');
    const [pid] = machinesOf(child.pid ?? 0);
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    child.kill('SIGKILL');
    await ended;
    while (existsSync(`/proc/${pid}`)) await delay(20);
  });
});
