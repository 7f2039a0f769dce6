import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A block device of a machine that does not exist. Slaves, holders and numbers follow. */
export interface FakeDevice {
  /** Names of devices below. */
  readonly on?: readonly string[];
  readonly loop?: string;
  readonly offset?: number;
  readonly length?: number;
  readonly dm?: readonly [name: string, uuid: string];
  readonly md?: readonly [level: string, uuid: string];
  /** Of a partition: its disk. */
  readonly disk?: string;
}

export interface FakeMount {
  readonly target: string;
  readonly source: string;
  readonly type?: string;
  /** Name of the block device; absent: it has a number of its own, like one of btrfs or tmpfs. */
  readonly device?: string;
  /** Target of the mount that it stands on; default `/`. */
  readonly on?: string;
  readonly readOnly?: boolean;
}

export interface FakeMachine {
  readonly devices: Readonly<Record<string, FakeDevice>>;
  readonly mounts?: readonly FakeMount[];
  readonly swaps?: readonly string[];
  readonly bootId?: string;
  /** By pid: name and open files. */
  readonly processes?: Readonly<Record<number, { readonly name: string; readonly open: readonly string[] }>>;
}

/** Writes /sys and /proc of a machine below a directory, as Linux 6.1 lays them out. */
export function fakeHost(root: string, machine: FakeMachine): void {
  const names = Object.keys(machine.devices);
  const number = (name: string) => `${name.startsWith('loop') ? 7 : name.startsWith('md') ? 9 : 254}:${names.indexOf(name)}`;
  for (const [name, device] of Object.entries(machine.devices)) {
    const place = join('sys/block', device.disk ?? '', name);
    const put = (file: string, text: string) => write(root, join(place, file), `${text}\n`);
    put('dev', number(name));
    if (device.disk !== undefined) put('partition', '1');
    mkdirSync(join(root, place, 'holders'), { recursive: true });
    mkdirSync(join(root, place, 'slaves'), { recursive: true });
    for (const slave of device.on ?? []) symlinkSync(`../../${slave}`, join(root, place, 'slaves', slave));
    for (const other of names.filter((each) => machine.devices[each]?.on?.includes(name)))
      symlinkSync(`../../${other}`, join(root, place, 'holders', other));
    if (device.loop !== undefined) {
      put('loop/backing_file', device.loop);
      put('loop/offset', String(device.offset ?? 0));
      put('loop/sizelimit', String(device.length ?? 0));
    }
    if (device.dm !== undefined) {
      put('dm/name', device.dm[0]);
      put('dm/uuid', device.dm[1]);
    }
    if (device.md !== undefined) {
      put('md/level', device.md[0]);
      put('md/uuid', device.md[1]);
      put('md/array_state', 'clean');
    }
  }
  write(root, 'proc/sys/kernel/random/boot_id', `${machine.bootId ?? ''}\n`);
  write(root, 'proc/self/mountinfo', mountinfo(machine.mounts ?? [], number));
  const swaps = (machine.swaps ?? []).map((name) => `${name}\tpartition\t1020\t0\t-2\n`);
  write(root, 'proc/swaps', ['Filename\tType\tSize\tUsed\tPriority\n', ...swaps].join(''));
  for (const [pid, { name, open }] of Object.entries(machine.processes ?? {})) {
    write(root, `proc/${pid}/comm`, `${name}\n`);
    mkdirSync(join(root, `proc/${pid}/fd`), { recursive: true });
    for (const [fd, path] of open.entries()) symlinkSync(path, join(root, `proc/${pid}/fd/${fd}`));
  }
}

function mountinfo(mounts: readonly FakeMount[], number: (name: string) => string): string {
  const all: readonly FakeMount[] = [{ target: '/', source: '/dev/vda', type: 'ext4' }, ...mounts];
  const id = (target: string) => 20 + all.findIndex((mount) => mount.target === target);
  const octal = (path: string) => path.replaceAll(' ', '\\040');
  return all
    .map(({ target, source, type = 'ext4', device, on = '/', readOnly = false }, index) => {
      const where = device === undefined ? `0:${40 + index}` : number(device);
      const access = readOnly ? 'ro' : 'rw';
      return `${20 + index} ${id(on)} ${where} / ${octal(target)} ${access},relatime shared:1 - ${type} ${octal(source)} ${access}\n`;
    })
    .join('');
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
