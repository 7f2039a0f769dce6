/** `bios`: QEMU's SeaBIOS. `uefi`: OVMF without Secure Boot. */
export type Firmware = 'bios' | 'uefi';

/** Where Debian's package ovmf keeps the UEFI firmware and its empty variable store. */
export const OVMF_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd';
export const OVMF_VARS = '/usr/share/OVMF/OVMF_VARS_4M.fd';

/** A virtual machine to start. */
export interface Machine {
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
  return [
    ...['-machine', 'q35', '-accel', accelerator === 'kvm' ? 'kvm' : 'tcg,thread=multi'],
    ...(accelerator === 'kvm' ? ['-cpu', 'host'] : []),
    ...['-smp', String(cpus), '-m', `${memory}M`, '-nodefaults', '-no-user-config'],
    ...(firmware === 'uefi' ? firmwareArguments() : []),
    ...disks.flatMap(({ file, format }) => ['-drive', `file=${escapeOption(file)},format=${format},if=virtio,snapshot=on`]),
    ...(machine.network ? networkArguments(machine.sshPort) : []),
    // Without it a guest waits for random numbers early in its boot.
    ...['-device', 'virtio-rng-pci'],
  ];
}

function firmwareArguments(): readonly string[] {
  return [
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${OVMF_CODE}`],
    ...['-drive', `if=pflash,unit=1,format=raw,snapshot=on,file=${OVMF_VARS}`],
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
