import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { probeCommand } from '../exec/probe.ts';
import { type Finding, firstLine, isAccessible } from './finding.ts';

/**
 * With real hardware support the machine below answers in some tenths of a second. Inside a virtual machine KVM may be there, accept the
 * machine and then run it so slowly that a boot never ends: software emulation is faster then.
 */
const TIME_LIMIT_MS = 2000;

/** What the boot sector writes; QEMU exits with twice this and one. */
const ANSWER = 0x10;

/** A boot sector that writes ANSWER to QEMU's isa-debug-exit port: mov al, ANSWER; out 0xf4, al; hlt; jmp to the hlt. */
export function answeringBootSector(): Buffer {
  const sector = Buffer.alloc(1024 * 1024);
  Buffer.from([0xb0, ANSWER, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd]).copy(sector);
  sector.writeUInt16LE(0xaa55, 0x1fe);
  return sector;
}

/** Starts a machine with a BIOS and a boot sector under KVM, and gives it little time to answer. Writes its boot sector into `scratch`. */
export async function probeKvm(scratch: string): Promise<Finding> {
  if (!existsSync('/dev/kvm')) return { state: 'missing', detail: 'no /dev/kvm' };
  if (!isAccessible('/dev/kvm')) return { state: 'missing', detail: '/dev/kvm is not accessible', help: 'join the group kvm' };
  const disk = join(scratch, 'boot-sector');
  await writeFile(disk, answeringBootSector());
  const machine = ['-accel', 'kvm', '-machine', 'pc', '-m', '32M', '-nodefaults', '-display', 'none', '-no-reboot'];
  const devices = ['-drive', `file=${disk},format=raw,if=ide`, '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04'];
  const result = await probeCommand(['qemu-system-x86_64', ...machine, ...devices], TIME_LIMIT_MS);
  if (result.exitCode === ANSWER * 2 + 1) return { state: 'found', detail: `usable, answered in ${result.milliseconds} ms` };
  if (result.notFound) return { state: 'unknown', detail: 'qemu-system-x86_64 is needed to try it' };
  if (result.timedOut) return { state: 'missing', detail: `/dev/kvm is there but no guest answered in ${TIME_LIMIT_MS} ms` };
  return { state: 'missing', detail: firstLine(result) };
}
