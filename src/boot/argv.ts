/** `bios`: QEMU's SeaBIOS. `uefi`: OVMF, of arm64 AAVMF, without Secure Boot. */
export type Firmware = 'bios' | 'uefi';

/** Architectures of machines, in Debian's names. */
export type MachineArch = 'amd64' | 'arm64';

/** What QEMU runs images of one architecture in. */
export interface Platform {
  readonly qemu: string;
  /** The first is the default. */
  readonly firmwares: readonly Firmware[];
  readonly machine: string;
  /** The processor that is emulated; absent: QEMU's default. Not one with everything: what it would emulate of pointer authentication is slow. */
  readonly cpu?: string;
  /** UEFI firmware and its empty variable store, where Debian's package has them, and the name of that row of the tool table. */
  readonly uefi: { readonly tool: string; readonly code: string; readonly variables: string };
}

export const PLATFORMS: Readonly<Record<MachineArch, Platform>> = {
  amd64: {
    qemu: 'qemu-system-x86_64',
    firmwares: ['bios', 'uefi'],
    machine: 'q35',
    uefi: { tool: 'ovmf', code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
  },
  arm64: {
    qemu: 'qemu-system-aarch64',
    firmwares: ['uefi'],
    machine: 'virt,gic-version=max',
    cpu: 'cortex-a57',
    uefi: { tool: 'qemu-efi-aarch64', code: '/usr/share/AAVMF/AAVMF_CODE.fd', variables: '/usr/share/AAVMF/AAVMF_VARS.fd' },
  },
};

/** A virtual machine to start. */
export interface Machine {
  readonly arch: MachineArch;
  /** Disks in order; the first is booted. */
  readonly disks: readonly { readonly file: string; readonly format: 'raw' | 'qcow2' }[];
  readonly firmware: Firmware;
  /** MiB. */
  readonly memory: number;
  readonly cpus: number;
  readonly accelerator: 'kvm' | 'tcg';
  /** Port of this host, on the loopback address only, that leads to the guest's port 22. */
  readonly sshPort?: number | undefined;
  /** User-mode network; without it the guest has no network card. */
  readonly network: boolean;
}

/**
 * QEMU's arguments for a machine, without its console: see consoleArguments. Every disk, and UEFI's variable store, is opened with
 * `snapshot=on`: what the guest writes goes to unnamed temporary files, so nothing of the run is left, however it ends.
 */
export function machineArguments(machine: Machine): readonly string[] {
  const { disks, firmware, memory, cpus, accelerator } = machine;
  const platform = PLATFORMS[machine.arch];
  const emulated = platform.cpu === undefined ? [] : ['-cpu', platform.cpu];
  return [
    ...['-machine', platform.machine, '-accel', accelerator === 'kvm' ? 'kvm' : 'tcg,thread=multi'],
    ...(accelerator === 'kvm' ? ['-cpu', 'host'] : emulated),
    ...['-smp', String(cpus), '-m', `${memory}M`, '-nodefaults', '-no-user-config'],
    ...(firmware === 'uefi' ? firmwareArguments(platform) : []),
    ...disks.flatMap(({ file, format }) => ['-drive', `file=${escapeOption(file)},format=${format},if=virtio,snapshot=on`]),
    ...(machine.network ? networkArguments(machine.sshPort) : []),
    // Without it a guest waits for random numbers early in its boot.
    ...['-device', 'virtio-rng-pci'],
  ];
}

function firmwareArguments({ uefi }: Platform): readonly string[] {
  return [
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${uefi.code}`],
    ...['-drive', `if=pflash,unit=1,format=raw,snapshot=on,file=${uefi.variables}`],
  ];
}

function networkArguments(sshPort: number | undefined): readonly string[] {
  const forward = sshPort === undefined ? '' : `,hostfwd=tcp:127.0.0.1:${sshPort}-:22`;
  return ['-netdev', `user,id=net0${forward}`, '-device', 'virtio-net-pci,netdev=net0'];
}

/** The guest's first serial port on this terminal, shared with QEMU's monitor: Ctrl-A X ends the machine, Ctrl-A H tells more. */
export function consoleArguments(): readonly string[] {
  return ['-display', 'none', '-serial', 'mon:stdio'];
}

/** In QEMU's option lists a comma separates options, two stand for one. */
function escapeOption(text: string): string {
  return text.replaceAll(',', ',,');
}
