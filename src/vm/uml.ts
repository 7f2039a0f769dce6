import { chmod, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../doctor/tools.ts';
import { spawnChild } from '../exec/child.ts';
import type { Runner } from '../exec/command.ts';
import { minimalEnvironment } from '../exec/environment.ts';
import { endingText, notFoundError } from '../exec/errors.ts';
import { DIE_WITH_PARENT, OWN_PIDS } from '../exec/namespaces.ts';
import { createRunner } from '../exec/run.ts';
import type { VmBackend, VmOptions, VmProcess } from './backend.ts';
import { COMPILER, findUml, UML_MODULES } from './uml-kernel.ts';

/** Programs with the setuid bit that commands in the machine run; see `copyWithoutBits`. */
const SETUID_PROGRAMS = ['mount', 'umount'];

const AGENT = fileURLToPath(new URL('../../libexec/vm-agent', import.meta.url));
const STATE_LIBRARY = fileURLToPath(new URL('../../libexec/uml-extended-state.c', import.meta.url));

/** Lines of the console that are kept: a panic with its trace. */
const CONSOLE_LINES = 60;

/** Where the agent mounts the host's files a second time. */
const HOST_FILES = '/run/dib/host';

/**
 * User-mode Linux: a kernel that is a process, needs no rights, and sees our files as its root (hostfs). Its only processor makes it slow at
 * bulk copies, and nothing else is as quick to start. https://docs.kernel.org/virt/uml/user_mode_linux_howto_v2.html
 * Works as root, and as the root of a user namespace that may make mounts and pid namespaces.
 */
export const umlBackend: VmBackend = { name: 'uml', title: 'user-mode Linux', bootLimit: 120, start };

async function start(options: VmOptions, onLine: (line: string) => void): Promise<VmProcess> {
  const directory = await mkdtemp(join(options.scratch, 'uml-'));
  const runner = createRunner();
  const memory = join(directory, 'memory');
  let mounted = false;
  const unmount = async () => {
    if (!mounted) return;
    mounted = false;
    await runner.run({ argv: ['umount', '--lazy', memory] });
  };
  const dispose = async () => {
    await unmount();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const programs = await copyWithoutBits(join(directory, 'bin'));
    await mkdir(memory);
    await runner.run({ argv: ['mount', '-t', 'tmpfs', '-o', memoryOptions(options.memory), 'dib-vm', memory] });
    mounted = true;
    const preload = await preloadFor(directory, runner);
    const child = await spawnChild({
      argv: [...DIE_WITH_PARENT, 'unshare', ...OWN_PIDS, ...preload, 'linux.uml', ...kernelArguments(options, programs)],
      env: minimalEnvironment({ TMPDIR: memory }),
      // Its sockets have relative names: those of sockets may be 107 bytes long, unix(7), and a run's directory longer.
      cwd: directory,
      stderrLines: CONSOLE_LINES,
      onStdoutLine: onLine,
    });
    return {
      write: (text) => void child.stdin.write(text),
      ended: child.ended.then((ending) => ({ how: endingText(ending), console: ending.stderr })),
      kill: () => child.kill('SIGKILL'),
      see: (file) => Promise.resolve(isHidden(file) ? join(HOST_FILES, file) : file),
      booted: unmount,
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** What linux.uml is started with on this processor: see UmlKernel. The library's name is relative, as a space or a colon would end a path in LD_PRELOAD. */
async function preloadFor(directory: string, runner: Runner): Promise<readonly string[]> {
  const found = await findUml();
  if (!found.ok || !found.kernel.smallState) return [];
  const library = './extended-state.so';
  await runner.run({ argv: [COMPILER, '-shared', '-fPIC', '-O1', '-nostdlib', '-o', library, STATE_LIBRARY], cwd: directory });
  return ['env', `LD_PRELOAD=${library}`];
}

/**
 * Its memory is a file of TMPDIR without a name. On a file system of ours, because /dev/shm is small or not executable in containers, and
 * because on a disk it would be slow, and would take the keys in it to that disk. It is unmounted when the file is open.
 */
function memoryOptions(mebibytes: number): string {
  return `mode=0700,size=${mebibytes + 16}m`;
}

/** https://docs.kernel.org/virt/uml/user_mode_linux_howto_v2.html, and what libexec/vm-agent takes from its environment. */
function kernelArguments(options: VmOptions, programs: string): string[] {
  return [
    'root=/dev/root',
    'rootfstype=hostfs',
    'rootflags=/',
    'rw',
    `init=${quoteParameter(AGENT)}`,
    `mem=${options.memory}M`,
    'panic=-1',
    'con=null',
    'con0=null,fd:2',
    'ssl=null',
    'ssl0=fd:0,fd:1',
    'uml_dir=.',
    'umid=uml',
    'DIB_CHANNEL=/dev/ttyS0',
    `DIB_PATH=${quoteParameter(programs)}`,
    `DIB_MODULES=${UML_MODULES}`,
    `DIB_HOST=${HOST_FILES}`,
  ];
}

/** A value with spaces as the kernel's command line has it: Documentation/admin-guide/kernel-parameters. There is no way to write a quote. */
function quoteParameter(value: string): string {
  return value.includes(' ') ? `"${value}"` : value;
}

/**
 * In a user namespace root's files belong to nobody. The machine's kernel takes that owner, and the setuid bit of mount(8), as they are:
 * mount would run as nobody. A copy without the bit runs as root there. Gives the directory with the copies.
 */
async function copyWithoutBits(directory: string): Promise<string> {
  await mkdir(directory);
  for (const name of SETUID_PROGRAMS) {
    const source = findProgram(name);
    if (source === undefined) throw notFoundError({ argv: [name] });
    const copy = join(directory, name);
    await copyFile(source, copy);
    await chmod(copy, 0o755);
  }
  return directory;
}

/** Whether the agent mounts something of the machine's own over the place where the file lies. */
function isHidden(file: string): boolean {
  return /^\/(run|dev|proc|sys)\//.test(file);
}
