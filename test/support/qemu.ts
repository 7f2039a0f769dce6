import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Firmware, type Machine, type MachineArch, machineArguments, PLATFORMS } from '../../src/boot/argv.ts';
import { requireQemu } from '../../src/boot/boot.ts';
import { type BootReport, parseReport } from './boot-report.ts';

export interface BootedMachine {
  readonly report: BootReport;
  /** What came over the first serial port until the login prompt. */
  readonly console: string;
  /** From QEMU's start until both login prompt and report were there. */
  readonly seconds: number;
}

export interface BootOptions {
  /** Default: amd64. */
  readonly arch?: MachineArch;
  /** Port of this host that leads to the machine's SSH server. */
  readonly sshPort?: number;
  /** Typed on the serial console wherever the initramfs asks for the passphrase of a disk. */
  readonly passphrase?: string;
  /** An ISO image that the machine starts from, in a CD drive. */
  readonly iso?: string;
  /** Further arguments of QEMU. */
  readonly arguments?: readonly string[];
  /** Done after the report while the machine still runs. */
  readonly inside?: (console: () => string) => Promise<void>;
}

/** A boot takes 20 to 60 s in software emulation; this only ends one that hangs. */
const TIME_LIMIT_MS = 400_000;
const CONSOLE_TAIL = 4000;

/** How Debian's initramfs asks (cryptsetup-initramfs, scripts/local-top/cryptroot). */
const UNLOCK = /Please unlock disk \S+: /g;

/** What the console says when no login prompt will come any more. */
const HOPELESS = /Kernel panic - not syncing.*|^grub rescue>|^\(initramfs\)|You are in emergency mode|No bootable device/m;

/**
 * Boots disks whose image has the element boot-report, waits for a login prompt on the first serial port and for the report from
 * inside, and kills the machine. The disks are not changed. Fails with the end of the console's text when either does not come.
 */
export async function bootAndReport(
  disks: Machine['disks'],
  firmware: Firmware,
  options: BootOptions = {},
): Promise<BootedMachine> {
  const { arch = 'amd64' } = options;
  requireQemu(arch, firmware);
  const nonce = randomUUID();
  const directory = await mkdtemp(join(tmpdir(), 'dib-qemu-'));
  const socket = join(directory, 'report');
  const started = performance.now();
  const { server, line } = await reportServer(socket);
  const machine: Machine = {
    arch,
    disks,
    firmware,
    memory: 1024,
    cpus: 1,
    accelerator: 'tcg',
    network: true,
    sshPort: options.sshPort,
  };
  const drives = driveArguments(options.iso);
  const report = reportArguments(socket, nonce);
  const qemu = [PLATFORMS[arch].qemu, ...machineArguments(machine), ...report, ...drives, ...(options.arguments ?? [])];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...qemu]);
  const console = watchConsole(child, options.passphrase);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const guard = { timer: setTimeout(() => {}, 0) };
  try {
    const limit = new Promise<never>((_, reject) => {
      guard.timer = setTimeout(() => reject(new Error(`no end in ${TIME_LIMIT_MS / 1000} s`)), TIME_LIMIT_MS);
    });
    const died = ended.then(() => Promise.reject(new Error('QEMU ended')));
    const [text] = await Promise.race([Promise.all([line, console.login]), console.hopeless, limit, died]);
    const seconds = (performance.now() - started) / 1000;
    const told = parseReport(text);
    if (told.nonce !== nonce) throw new Error(`the report has the nonce ${told.nonce}, not ${nonce}`);
    await Promise.race([options.inside?.(console.text), limit, died]);
    return { report: told, console: console.text(), seconds };
  } catch (error) {
    throw new Error(
      `Booting ${disks.map(({ file }) => file).join(', ')} (${firmware}): ${(error as Error).message}\n${console.text().slice(-CONSOLE_TAIL)}`,
    );
  } finally {
    clearTimeout(guard.timer);
    child.kill('SIGKILL');
    await ended;
    server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** A CD drive, before all disks. */
function driveArguments(iso: string | undefined): readonly string[] {
  if (iso === undefined) return [];
  return ['-drive', `if=none,id=iso,media=cdrom,readonly=on,file=${iso}`, '-device', 'ide-cd,drive=iso,bootindex=0'];
}

/** The console, a virtio-serial port for the report, and the nonce as the machine's serial number, where the guest can read it. */
function reportArguments(socket: string, nonce: string): readonly string[] {
  return [
    ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot'],
    ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=report,path=${socket}`],
    ...['-device', 'virtserialport,chardev=report,name=dib.report', '-smbios', `type=1,serial=${nonce}`],
  ];
}

/** Listens for QEMU's end of the report port; the report is one line. */
async function reportServer(path: string): Promise<{ readonly server: Server; readonly line: Promise<string> }> {
  const server = createServer();
  const line = new Promise<string>((resolve, reject) => {
    server.on('error', reject);
    server.once('connection', (connection) => {
      let text = '';
      connection.setEncoding('utf8');
      connection.on('error', reject);
      connection.on('data', (chunk: string) => {
        text += chunk;
        const end = text.indexOf('\n');
        if (end >= 0) resolve(text.slice(0, end));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { server, line };
}

interface Console {
  readonly text: () => string;
  readonly login: Promise<void>;
  /** Only ever rejects. */
  readonly hopeless: Promise<never>;
}

function watchConsole(child: ChildProcess, passphrase: string | undefined): Console {
  let text = '';
  const watch = (see: (chunk: Buffer) => void) => {
    child.stdout?.on('data', see);
    child.stderr?.on('data', see);
  };
  watch((chunk) => {
    text += chunk.toString('latin1');
  });
  let answered = 0;
  watch(() => {
    const asked = text.match(UNLOCK)?.length ?? 0;
    if (passphrase === undefined || asked === answered) return;
    answered = asked;
    child.stdin?.write(`${passphrase}\n`);
  });
  const login = new Promise<void>((resolve) => watch(() => /^\S+ login: /m.test(text) && resolve()));
  const hopeless = new Promise<never>((_, reject) =>
    watch(() => {
      const sign = HOPELESS.exec(text)?.[0];
      if (sign !== undefined) reject(new Error(sign));
    }),
  );
  return { text: () => text, login, hopeless };
}
