import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Firmware, Machine } from '../../boot/argv.ts';
import { ExitCode } from '../../diagnostics/errors.ts';
import { debianArchitecture } from '../../distros/architectures.ts';
import { quoteArgv } from '../../exec/quote.ts';
import { type GlobalOptions, parseCount, runCommand } from '../command.ts';

interface BootOptions extends GlobalOptions {
  readonly firmware?: Firmware;
  readonly arch?: string;
  readonly memory: number;
  readonly cpus: number;
  readonly sshPort?: number;
  readonly network: boolean;
  readonly accel: 'auto' | 'kvm' | 'tcg';
  readonly stateDir?: string;
  readonly printCommand?: boolean;
}

/** `dib boot`: the built image in QEMU, on this terminal. */
export function registerBoot(program: Command): void {
  program
    .command('boot')
    .description('boot the built image in QEMU with its serial console on this terminal; what the machine writes is thrown away')
    .argument('[file]', 'image.yaml, or a qcow2 or raw disk image', 'image.yaml')
    .addOption(
      new Option('--firmware <firmware>', 'firmware of the machine (default: bios; of arm64 uefi)').choices(['bios', 'uefi']),
    )
    .option(
      '--arch <arch>',
      'architecture of the image: amd64, arm64 (default: what was built; of a disk image that of this machine)',
    )
    .option('--memory <mib>', 'memory in MiB', parseCount, 1024)
    .option('--cpus <count>', 'number of CPUs', parseCount, 2)
    .option('--ssh-port <port>', "port on this host's loopback address that leads to the machine's port 22", parsePort)
    .option('--no-network', 'no network card')
    .addOption(new Option('--accel <accelerator>', 'auto: KVM if it answers').choices(['auto', 'kvm', 'tcg']).default('auto'))
    .option('--state-dir <dir>', 'directory of the state (default: .dib beside image.yaml)')
    .option('--print-command', 'print the command instead of running it')
    .addHelpText('after', '\nCtrl-A X ends the machine. The exit status is that of QEMU.')
    .action((file: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<BootOptions>();
      return runCommand(options, () => boot(file, options));
    });
}

async function boot(file: string, options: BootOptions): Promise<ExitCode> {
  const [{ findImages }, { bootCommand, bootOnTerminal, chooseAccelerator, choosePlatform, requireQemu }] = await Promise.all([
    import('../../boot/find-image.ts'),
    import('../../boot/boot.ts'),
  ]);
  const { disks, arch: built } = findImages(file, options.stateDir);
  const { arch, firmware } = choosePlatform(options.arch ?? built ?? debianArchitecture(), options.firmware);
  const { accelerator, reason } =
    options.accel === 'auto' ? await chooseAccelerator(arch) : { accelerator: options.accel, reason: 'as asked for' };
  const { memory, cpus, network, sshPort } = options;
  const machine: Machine = { arch, disks, firmware, memory, cpus, network, sshPort, accelerator };
  if (options.printCommand === true) {
    process.stdout.write(`${quoteArgv(bootCommand(machine))}\n`);
    return ExitCode.Ok;
  }
  requireQemu(arch, firmware);
  process.stderr.write(`Booting ${disks.map((disk) => disk.file).join(', ')} (${firmware}, ${reason})\n`);
  if (sshPort !== undefined) process.stderr.write(`ssh -p ${sshPort} USER@127.0.0.1\n`);
  process.stderr.write('Ctrl-A X ends the machine; what it writes is thrown away.\n');
  return (await bootOnTerminal(machine)) === 0 ? ExitCode.Ok : ExitCode.Failed;
}

function parsePort(text: string): number {
  const port = parseCount(text);
  if (port > 65_535) throw new InvalidArgumentError('A port is at most 65535.');
  return port;
}
