import { describe, expect, it } from 'vitest';
import { consoleArguments, type Machine, machineArguments } from '../../../src/boot/argv.ts';

const machine: Machine = {
  arch: 'amd64',
  disks: [{ file: '/images/web.qcow2', format: 'qcow2' }],
  firmware: 'bios',
  memory: 1024,
  cpus: 2,
  accelerator: 'tcg',
  network: true,
};

describe('machineArguments', () => {
  it('boots a disk with a BIOS in software emulation', () => {
    expect(machineArguments(machine).join(' ')).toBe(
      '-machine q35 -accel tcg,thread=multi -smp 2 -m 1024M -nodefaults -no-user-config ' +
        '-drive file=/images/web.qcow2,format=qcow2,if=virtio,snapshot=on ' +
        '-netdev user,id=net0 -device virtio-net-pci,netdev=net0 -device virtio-rng-pci',
    );
  });

  it('boots with UEFI, throwing away what it writes to its variables', () => {
    expect(machineArguments({ ...machine, firmware: 'uefi', network: false }).slice(10, 14)).toEqual([
      '-drive',
      'if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd',
      '-drive',
      'if=pflash,unit=1,format=raw,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.fd',
    ]);
  });

  it('boots arm64 with its own firmware', () => {
    expect(
      machineArguments({ ...machine, arch: 'arm64', firmware: 'uefi', network: false })
        .slice(0, 16)
        .join(' '),
    ).toBe(
      '-machine virt,gic-version=max -accel tcg,thread=multi -cpu cortex-a57 -smp 2 -m 1024M -nodefaults -no-user-config ' +
        '-drive if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/AAVMF/AAVMF_CODE.fd ' +
        '-drive if=pflash,unit=1,format=raw,snapshot=on,file=/usr/share/AAVMF/AAVMF_VARS.fd',
    );
  });

  it('shows the host CPU to a guest under KVM', () => {
    expect(machineArguments({ ...machine, accelerator: 'kvm' }).slice(2, 6)).toEqual(['-accel', 'kvm', '-cpu', 'host']);
  });

  it('lets SSH in from this host alone', () => {
    expect(machineArguments({ ...machine, sshPort: 2222 })).toContain('user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22');
  });

  it('gives no network card without a network', () => {
    expect(machineArguments({ ...machine, network: false }).join(' ')).not.toContain('net');
  });

  it('attaches every disk in order, and doubles commas in its path', () => {
    const disks = [machine.disks[0], { file: '/images/a,b.raw', format: 'raw' }] as Machine['disks'];
    expect(machineArguments({ ...machine, disks }).filter((argument) => argument.startsWith('file='))).toEqual([
      'file=/images/web.qcow2,format=qcow2,if=virtio,snapshot=on',
      'file=/images/a,,b.raw,format=raw,if=virtio,snapshot=on',
    ]);
  });
});

describe('consoleArguments', () => {
  it('puts the serial port and the monitor on the terminal', () => {
    expect(consoleArguments()).toEqual(['-display', 'none', '-serial', 'mon:stdio']);
  });
});
