import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { qemuArguments } from '../../../src/vm/qemu-argv.ts';
import { QemuDisks } from '../../../src/vm/qemu-disks.ts';
import { insertedByModprobe, namedByLdd } from '../../../src/vm/qemu-initramfs.ts';
import { Qmp } from '../../../src/vm/qmp.ts';

describe('the command line', () => {
  const machine = {
    accelerator: 'tcg',
    kernel: '/boot/vmlinuz-1',
    initramfs: '/cache/initramfs-1',
    memory: 512,
    cpus: 2,
    sockets: { agent: 4, console: 5, control: 6 },
  } as const;

  it('has no network, no disk, and nothing that has a name outside', () => {
    const text = qemuArguments(machine).join(' ');
    expect(text).toContain('-nodefaults -no-user-config -display none -no-reboot');
    expect(text).toContain('-accel tcg,thread=multi -cpu max -smp 2 -m 512M -kernel /boot/vmlinuz-1 -initrd /cache/initramfs-1');
    expect(text).toContain('-chardev socket,id=agent,fd=4 -device virtserialport,chardev=agent,name=dib.agent');
    expect(text).not.toMatch(/-net|-nic|-drive|path=|server/);
  });

  it('uses this processor with KVM', () => {
    expect(qemuArguments({ ...machine, accelerator: 'kvm' }).join(' ')).toContain('-accel kvm -cpu host');
  });
});

describe('what programs tell', () => {
  it('takes libraries and loaders from ldd, once for each program', () => {
    const output = [
      '/usr/bin/bash:',
      '\tlinux-vdso.so.1 (0x00007ffd1a5f2000)',
      '\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2b6be00000)',
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007f2b6c1d5000)',
      '/usr/sbin/xfs_info:',
      '\tnot a dynamic executable',
      '\tlibgone.so.1 => not found',
    ];
    const libraries = ['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2'];
    expect(namedByLdd(output.join('\n'))).toEqual(libraries);
  });

  it('takes modules from modprobe, without what is built in', () => {
    const output =
      'builtin ext4\ninsmod /lib/modules/6.1.0/kernel/drivers/md/md-mod.ko start_ro=1\ninsmod /lib/modules/6.1.0/a.ko \n';
    expect(insertedByModprobe(output)).toEqual(['/lib/modules/6.1.0/kernel/drivers/md/md-mod.ko', '/lib/modules/6.1.0/a.ko']);
  });
});

interface Asked {
  readonly execute: string;
  readonly id: number;
  readonly arguments: Readonly<Record<string, unknown>>;
}

const directory = mkdtempSync(join(tmpdir(), 'dib-qemu-'));
const open: { close(): void }[] = [];
afterAll(() => {
  for (const one of open) one.close();
  rmSync(directory, { recursive: true });
});

/** A QEMU that answers as it is told to, or ends where that is nothing; `asked` is what came. */
async function pretend(answer: (asked: Asked) => object | undefined) {
  const asked: Asked[] = [];
  const talk = (socket: Socket) => {
    socket.write('{"QMP": {"version": {}, "capabilities": ["oob"]}}\r\n');
    socket.on('data', (chunk) => {
      for (const line of chunk.toString().trim().split('\n')) {
        const one = JSON.parse(line) as Asked;
        asked.push(one);
        const said = answer(one);
        if (said === undefined) socket.destroy();
        else socket.write(`{"event": "DEVICE_TRAY_MOVED"}\r\n${JSON.stringify({ ...said, id: one.id })}\r\n`);
      }
    });
  };
  const path = join(directory, `socket${open.length}`);
  const server = createServer(talk);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const socket = connect(path);
  open.push({ close: () => socket.destroy() });
  return { qmp: new Qmp(socket), asked };
}

describe('QMP', () => {
  it('leaves the negotiation and gives each its own answer', async () => {
    const { qmp, asked } = await pretend(({ execute }) => ({ return: { name: execute } }));
    expect(await Promise.all([qmp.execute('first'), qmp.execute('second')])).toEqual([{ name: 'first' }, { name: 'second' }]);
    expect(asked.map(({ execute }) => execute)).toEqual(['qmp_capabilities', 'first', 'second']);
  });

  it('rejects with the words of QEMU', async () => {
    const { qmp } = await pretend(() => ({ error: { class: 'GenericError', desc: 'No such bus' } }));
    await expect(qmp.execute('device_add')).rejects.toThrow('No such bus');
  });

  it('rejects what is open, and all that comes later, when QEMU ends', async () => {
    const { qmp } = await pretend(({ execute }) => (execute === 'second' ? undefined : { return: execute }));
    await qmp.execute('first');
    await expect(qmp.execute('second')).rejects.toThrow('QEMU has ended');
    await expect(qmp.execute('third')).rejects.toThrow('QEMU has ended');
  });
});

describe('disks', () => {
  it('are plugged in once for each file, by whatever name', async () => {
    const [file, link] = [join(directory, 'a,b'), join(directory, 'link')];
    writeFileSync(file, '');
    symlinkSync(file, link);
    const { qmp, asked } = await pretend(() => ({ return: {} }));
    const disks = new QemuDisks(qmp);
    const run = (argv: readonly string[]) => Promise.resolve(`/dev/sd${argv.slice(1).join('-')}\n`);
    expect(await Promise.all([disks.see(file, run), disks.see(link, run)])).toEqual(['/dev/sd0-0', '/dev/sd0-0']);
    const [node, device] = asked.slice(1);
    expect(node).toMatchObject({ execute: 'blockdev-add', arguments: { driver: 'raw', 'read-only': false, discard: 'unmap' } });
    expect(node?.arguments['file']).toMatchObject({ driver: 'file', filename: file, locking: 'off' });
    expect(device).toMatchObject({
      execute: 'device_add',
      arguments: { driver: 'scsi-hd', bus: 'disks.0', 'scsi-id': 0, lun: 0 },
    });
    expect(asked).toHaveLength(3);
  });

  it('tell why a file cannot be one', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    const { qmp } = await pretend(({ execute }) =>
      execute === 'blockdev-add' ? { error: { desc: 'Permission denied' } } : { return: {} },
    );
    const seen = new QemuDisks(qmp).see(file, () => Promise.resolve(''));
    await expect(seen).rejects.toMatchObject({ diagnostics: [{ code: 'DIB_VM_NO_DISK', detail: 'Permission denied.' }] });
  });
});
