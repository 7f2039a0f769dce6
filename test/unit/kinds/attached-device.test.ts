import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/exec/command.ts';
import { attachedDevice, emptyDevice, writeDevice } from '../../../src/kinds/attached-device.ts';
import type { ActionContext, Outputs } from '../../../src/kinds/kind.ts';

interface Answer {
  readonly exitCode?: number;
  readonly stdout?: string;
}

/** A machine that answers by the first words of a command, and remembers all of them. */
function machineOf(answers: Readonly<Record<string, Answer>>, more: { attachment?: Outputs; outputs?: Outputs } = {}) {
  const ran: string[] = [];
  const run = async ({ argv, okExitCodes = [0] }: Command) => {
    const line = argv.join(' ');
    ran.push(line);
    const [, { exitCode = 0, stdout = '' } = {}] = Object.entries(answers).find(([start]) => line.startsWith(start)) ?? [];
    if (!okExitCodes.includes(exitCode)) throw new Error(`${line}: ${exitCode}`);
    return { exitCode, stdout, stderr: '' };
  };
  const machine = { name: 'uml', bootId: 'b', shared: false, run, see: async (file: string) => `/seen${file}` };
  const context = {
    address: 'mkfs.root',
    machine: async () => machine,
    attachment: () => more.attachment ?? {},
    outputs: () => more.outputs ?? {},
  } as unknown as ActionContext;
  return { context, ran };
}

describe('writing a file to a device', () => {
  const dd = (device: string, sparse: boolean) =>
    `dd if=/seen/work/image of=${device} ibs=4M obs=64K conv=notrunc,nocreat,fsync${sparse ? ',sparse' : ''} ` +
    'count=4096000 iflag=count_bytes,fullblock status=none';

  it('leaves out zeroes where the device was cleared', async () => {
    const { context, ran } = machineOf({});
    await writeDevice(context, '/work/image', '/dev/loop1', 4096000);
    expect(ran).toEqual(['fallocate --punch-hole --offset 0 --length 4096000 /dev/loop1', dd('/dev/loop1', true)]);
  });

  it('writes zeroes to one that cannot be cleared: it may hold anything', async () => {
    const { context, ran } = machineOf({ fallocate: { exitCode: 1 } });
    await writeDevice(context, '/work/image', '/dev/md/dib-data', 4096000);
    expect(ran.at(-1)).toBe(dd('/dev/md/dib-data', false));
    expect(ran).toHaveLength(2);
  });

  it('writes zeroes into a container: what it reads after a discard is noise', async () => {
    const { context, ran } = machineOf({ fallocate: { exitCode: 1 }, 'dmsetup table': { stdout: '\n' } });
    await writeDevice(context, '/work/image', '/dev/mapper/dib-crypt', 4096000);
    expect(ran.at(-1)).toBe(dd('/dev/mapper/dib-crypt', false));
    expect(ran.join('\n')).not.toContain('blkdiscard');
  });

  it('discards thin volumes, which read zeroes then, and leaves out zeroes', async () => {
    const { context, ran } = machineOf({
      fallocate: { exitCode: 1 },
      'dmsetup table --target thin': { stdout: '0 8000 thin 253:2 1\n' },
    });
    await writeDevice(context, '/work/image', '/dev/mapper/vg-root', 4096000);
    expect(ran.slice(-2)).toEqual(['blkdiscard --force --length 4096000 /dev/mapper/vg-root', dd('/dev/mapper/vg-root', true)]);
  });
});

describe('before something is made on a device', () => {
  it('what stands there is wiped, where only the kernel knows where that is', async () => {
    const { context, ran } = machineOf({}, { outputs: { size: 4096 } });
    await emptyDevice(context, 'raid.data', '/dev/md/dib-data');
    expect(ran).toEqual(['blockdev --flushbufs /dev/md/dib-data', 'wipefs --all --quiet /dev/md/dib-data']);
  });
});

describe('a device is used only while it is what was attached', () => {
  const mapping = { device: '/dev/mapper/vg-root', dmUuid: 'LVM-abc' };
  const array = { device: '/dev/md/dib-data', mdUuid: '0123456789abcdef0123456789abcdef' };
  const foreign = (device: string, detail: string) => ({
    diagnostics: [
      {
        code: 'DIB_DEVICE_FOREIGN',
        summary: `\`${device}\` is not \`lvs.root\` any more`,
        detail,
        address: 'mkfs.root',
      },
    ],
  });

  it('a mapping of its UUID', async () => {
    const { context, ran } = machineOf({ 'dmsetup info': { stdout: 'vg-root/LVM-abc\n' } }, { attachment: mapping });
    expect(await attachedDevice(context, 'lvs.root')).toBe('/dev/mapper/vg-root');
    expect(ran).toHaveLength(1);
  });

  it('not one of another', async () => {
    const { context } = machineOf({ 'dmsetup info': { stdout: 'vg-root/CRYPT-x\n' } }, { attachment: mapping });
    await expect(attachedDevice(context, 'lvs.root')).rejects.toMatchObject(
      foreign('/dev/mapper/vg-root', 'It is `CRYPT-x` instead.'),
    );
  });

  it('not one that is gone', async () => {
    const { context } = machineOf({ 'dmsetup info': { exitCode: 1 } }, { attachment: mapping });
    await expect(attachedDevice(context, 'lvs.root')).rejects.toMatchObject(foreign('/dev/mapper/vg-root', 'It is gone.'));
  });

  it('an array of its UUID, however mdadm writes it, and no other', async () => {
    const detail = (uuid: string) => ({ 'mdadm --detail': { stdout: `MD_LEVEL=raid1\nMD_UUID=${uuid}\n` } });
    const same = machineOf(detail('01234567:89abcdef:01234567:89abcdef'), { attachment: array });
    expect(await attachedDevice(same.context, 'raid.data')).toBe('/dev/md/dib-data');
    const other = machineOf(detail('11111111:89abcdef:01234567:89abcdef'), { attachment: array });
    await expect(attachedDevice(other.context, 'lvs.root')).rejects.toMatchObject(
      foreign('/dev/md/dib-data', 'It is `1111111189abcdef0123456789abcdef` instead.'),
    );
    const stopped = machineOf({ 'mdadm --detail': { exitCode: 1 } }, { attachment: array });
    await expect(attachedDevice(stopped.context, 'lvs.root')).rejects.toMatchObject(foreign('/dev/md/dib-data', 'It is gone.'));
  });
});
