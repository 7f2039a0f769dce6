import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { ExitCode, fail } from '../diagnostics/errors.ts';
import { probeKvm } from '../doctor/kvm.ts';
import { type Child, spawnChild } from '../exec/child.ts';
import { minimalEnvironment } from '../exec/environment.ts';
import { endingText } from '../exec/errors.ts';
import { DIE_WITH_PARENT } from '../exec/namespaces.ts';
import { createRunner } from '../exec/run.ts';
import { LineSplitter, Tail } from '../exec/tail.ts';
import type { VmBackend, VmOptions, VmProcess } from './backend.ts';
import { QEMU, type QemuMachine, qemuArguments } from './qemu-argv.ts';
import { DISK_SCRIPT, QemuDisks } from './qemu-disks.ts';
import { ensureInitramfs } from './qemu-initramfs.ts';
import { findKernel, type GuestKernel } from './qemu-kernel.ts';
import { Qmp } from './qmp.ts';

export interface QemuOptions {
  /** Directory that keeps initial RAM file systems from run to run; made if needed. */
  readonly cache: string;
  /** Default: KVM where a machine really runs in it, software emulation elsewhere. */
  readonly accelerator?: QemuMachine['accelerator'] | undefined;
}

/** Milliseconds in which a machine under KVM answers, if KVM is any good: it takes one or two seconds. */
const KVM_LIMIT = 10_000;

/** Processors of the machine, at most: its commands run one after the other. */
const CPUS = 4;

/** Lines of the console that are kept: a panic with its trace. */
const CONSOLE_LINES = 60;

/** Descriptors of a child's sockets begin at 4. */
const SOCKETS = { agent: 4, console: 5, control: 6 };

/** Whether KVM failed in this process: it is not tried again. */
let kvmFailed = false;

/**
 * QEMU with a kernel of this host and an initial RAM file system of its programs. It sees no files of ours; each one that it needs is plugged
 * in as a disk. Throws DIB_VM_NO_KERNEL.
 */
export function qemuBackend(settings: QemuOptions): VmBackend {
  return {
    name: 'qemu',
    title: 'QEMU',
    bootLimit: 180,
    start: (options, onLine) => start(settings, options, onLine),
  };
}

async function start(settings: QemuOptions, options: VmOptions, onLine: (line: string) => void): Promise<VmProcess> {
  const kernel = await requireKernel();
  const [initramfs, accelerator] = await Promise.all([
    ensureInitramfs({ kernel, cache: settings.cache, runner: createRunner(), scripts: await scripts() }),
    settings.accelerator ?? chooseAccelerator(options.scratch),
  ]);
  const machine: QemuMachine = {
    accelerator,
    kernel: kernel.image,
    initramfs,
    memory: options.memory,
    cpus: Math.min(availableParallelism(), CPUS),
    sockets: SOCKETS,
  };
  if (accelerator === 'tcg' || settings.accelerator !== undefined) return await launch(machine, onLine);
  return (await launchWithKvm(machine, onLine)) ?? (await launch({ ...machine, accelerator: 'tcg' }, onLine));
}

async function requireKernel(): Promise<GuestKernel> {
  const found = await findKernel();
  if (found.ok) return found.kernel;
  return fail(
    { code: 'DIB_VM_NO_KERNEL', summary: `QEMU has no Linux to boot: ${found.reason}`, help: found.help },
    ExitCode.Unavailable,
  );
}

/** Scripts of dib by their path in the machine. */
async function scripts(): Promise<Record<string, string>> {
  const libexec = new URL('../../libexec/', import.meta.url);
  const text = (name: string) => readFile(new URL(name, libexec), 'utf8');
  return {
    '/init': await text('vm-qemu-init'),
    '/vm-agent': await text('vm-agent'),
    [DISK_SCRIPT]: await text('vm-qemu-disk'),
  };
}

/** Tries KVM with a machine that does nothing but answer, which costs less than a boot that hangs. */
async function chooseAccelerator(scratch: string): Promise<QemuMachine['accelerator']> {
  if (kvmFailed) return 'tcg';
  const directory = await mkdtemp(join(scratch, 'kvm-'));
  try {
    kvmFailed = (await probeKvm(directory)).state !== 'found';
  } finally {
    await rm(directory, { recursive: true });
  }
  return kvmFailed ? 'tcg' : 'kvm';
}

/** Gives undefined when the agent does not answer in time: KVM is there and no machine gets far in it. */
async function launchWithKvm(machine: QemuMachine, onLine: (line: string) => void): Promise<VmProcess | undefined> {
  let answered: () => void = () => {};
  const answer = new Promise<boolean>((resolve) => {
    answered = () => resolve(true);
  });
  const vm = await launch(machine, (line) => {
    answered();
    onLine(line);
  });
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), KVM_LIMIT);
  });
  const ok = await Promise.race([answer, limit, vm.ended.then(() => false)]);
  clearTimeout(timer);
  if (ok) return vm;
  kvmFailed = true;
  vm.kill();
  await vm.ended;
  return undefined;
}

async function launch(machine: QemuMachine, onLine: (line: string) => void): Promise<VmProcess> {
  const child = await spawnChild({
    argv: [...DIE_WITH_PARENT, QEMU, ...qemuArguments(machine)],
    env: minimalEnvironment(),
    cwd: '/',
    sockets: 3,
    stderrLines: CONSOLE_LINES,
  });
  const [agent, console, control] = child.sockets as [Duplex, Duplex, Duplex];
  followLines(agent, onLine);
  const consoleLines = new Tail(CONSOLE_LINES);
  followLines(console, (line) => consoleLines.push(line));
  const disks = new QemuDisks(new Qmp(control));
  return {
    write: (text) => void agent.write(text),
    ended: ending(child, consoleLines),
    kill: () => child.kill('SIGKILL'),
    see: (file, run) => disks.see(file, run),
    booted: () => Promise.resolve(),
    dispose: () => Promise.resolve(),
  };
}

async function ending(child: Child, console: Tail) {
  const { stderr, ...end } = await child.ended;
  return { how: endingText(end), console: [...console.lines, ...stderr] };
}

/** Answers in base64 may have long lines. */
function followLines(stream: Duplex, onLine: (line: string) => void): void {
  const lines = new LineSplitter(onLine, Number.POSITIVE_INFINITY);
  stream.on('data', (chunk: Uint8Array) => lines.write(chunk));
  stream.on('end', () => lines.end());
}
