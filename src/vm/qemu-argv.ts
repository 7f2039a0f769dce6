/** A machine to start, whose disks come later. */
export interface QemuMachine {
  readonly accelerator: 'kvm' | 'tcg';
  /** Boot image and initial RAM file system. */
  readonly kernel: string;
  readonly initramfs: string;
  /** MiB. */
  readonly memory: number;
  readonly cpus: number;
  /** Descriptors of connected sockets that QEMU inherits. */
  readonly sockets: { readonly agent: number; readonly console: number; readonly control: number };
}

/** The program that the machine runs in. */
export const QEMU = 'qemu-system-x86_64';

/** Programs of this host that bring the machine up, and bash, which runs the scripts in it. */
export const QEMU_PROGRAMS: readonly string[] = [QEMU, 'setpriv', 'cpio', 'modprobe', 'bash', 'base64'];

/** Name of the bus that disks are plugged into. */
export const DISK_BUS = 'disks.0';

/** Name of the port under which the machine's first process finds the way to the worker. */
const AGENT_PORT = 'dib.agent';

/**
 * QEMU's command line (qemu(1)): no network, no graphics, nothing of the user's configuration. What it talks through are sockets without a
 * name, so that nobody else can connect and no path can be too long.
 */
export function qemuArguments(machine: QemuMachine): string[] {
  const { accelerator, kernel, initramfs, memory, cpus, sockets } = machine;
  const socket = (id: string, fd: number) => ['-chardev', `socket,id=${id},fd=${fd}`];
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-machine', 'q35', '-accel', accelerator === 'kvm' ? 'kvm' : 'tcg,thread=multi'],
    ...['-cpu', accelerator === 'kvm' ? 'host' : 'max', '-smp', String(cpus), '-m', `${memory}M`],
    ...['-kernel', kernel, '-initrd', initramfs, '-append', KERNEL_ARGUMENTS.join(' ')],
    ...[...socket('console', sockets.console), '-serial', 'chardev:console'],
    ...[...socket('control', sockets.control), '-mon', 'chardev=control,mode=control'],
    ...['-device', 'virtio-serial-pci', ...socket('agent', sockets.agent)],
    ...['-device', `virtserialport,chardev=agent,name=${AGENT_PORT}`],
    ...['-device', `virtio-scsi-pci,id=${DISK_BUS.split('.')[0]}`],
    // Without it a machine waits for random numbers early in its boot.
    ...['-device', 'virtio-rng-pci'],
  ];
}

/**
 * The kernel's admin-guide/kernel-parameters. A panic ends the machine, for it may not start again; what costs time at each boot and is of no
 * use here is off: nobody but dib runs anything in it.
 */
const KERNEL_ARGUMENTS = [
  ...[
    'console=ttyS0',
    'rdinit=/init',
    'panic=-1',
    'quiet',
    'loglevel=4',
    'random.trust_cpu=on',
    'tsc=reliable',
    'no_timer_check',
  ],
  ...['cryptomgr.notests', 'apparmor=0', 'audit=0', 'ipv6.disable=1', 'mitigations=off', 'nokaslr'],
];
