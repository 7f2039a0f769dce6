/** What findmnt tells of one mount. */
export interface ReportedMount {
  readonly target: string;
  readonly source: string;
  readonly fstype: string;
  readonly options: string;
  readonly uuid: string | null;
  /** Bytes. */
  readonly size: number | null;
  readonly partuuid: string | null;
}

/** What lsblk tells of one block device. */
export interface ReportedDevice {
  readonly name: string;
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  readonly fstype: string | null;
  readonly uuid: string | null;
  readonly label: string | null;
  readonly mountpoints: readonly (string | null)[];
  readonly partuuid: string | null;
  readonly parttype: string | null;
  readonly partlabel: string | null;
  readonly children?: readonly ReportedDevice[];
}

/** What lvs tells of one logical volume. */
export interface ReportedVolume {
  readonly group: string;
  readonly volume: string;
  /** Bytes. */
  readonly size: number;
  readonly type: string;
  /** Name of the pool of a thin volume, else empty. */
  readonly pool: string;
}

/** What mdadm tells of one RAID. */
export interface ReportedArray {
  /** Such as /dev/md/system. */
  readonly path: string;
  readonly level: string;
  /** As mdadm writes it. */
  readonly uuid: string;
  readonly metadata: string;
  readonly members: number;
  /** Number of members that it lacks. */
  readonly degraded: number;
}

/** What cryptsetup tells of one opened LUKS container. */
export interface ReportedContainer {
  readonly path: string;
  readonly type: string;
  readonly cipher: string;
  readonly flags: readonly string[];
}

/** What the element boot-report saw inside a booted image (test/fixtures/elements/boot-report). */
export interface BootReport {
  readonly nonce: string;
  /** Of `systemctl is-system-running --wait`. */
  readonly state: string;
  readonly uefi: boolean;
  /** Those of block devices only, in the order in which they were mounted. */
  readonly mounts: readonly ReportedMount[];
  /** Disks of the machine with what is on them. */
  readonly devices: readonly ReportedDevice[];
  readonly volumes: readonly ReportedVolume[];
  readonly arrays: readonly ReportedArray[];
  readonly containers: readonly ReportedContainer[];
  readonly swaps: readonly { readonly name: string; readonly bytes: number; readonly uuid: string }[];
  /** Lines of `systemctl list-units --failed`. */
  readonly failedUnits: readonly string[];
  /** Status and last log lines of the failed units, for the message of a test. */
  readonly failedStatus: string;
  readonly cmdline: string;
  readonly hostname: string;
  readonly fstab: string;
  /** Of `findmnt --verify`. */
  readonly fstabVerdict: string;
  /** Of `systemd-analyze time`: how long kernel and user space took. */
  readonly times: string;
  /** Of `systemd-analyze blame`: what took the time, the longest first. */
  readonly blame: string;
}

type Text =
  | 'arrays'
  | 'containers'
  | 'swaps'
  | 'failedUnits'
  | 'failedStatus'
  | 'cmdline'
  | 'hostname'
  | 'fstab'
  | 'fstabVerdict'
  | 'times'
  | 'blame';

type Raw = Readonly<Record<Text, string>> & {
  readonly nonce: string;
  readonly state: string;
  readonly uefi: boolean;
  readonly findmnt: { readonly filesystems: readonly ReportedMount[] };
  readonly lsblk: { readonly blockdevices: readonly ReportedDevice[] };
  readonly lvs: {
    readonly report: readonly [
      { readonly lv: readonly Readonly<Record<'vg_name' | 'lv_name' | 'lv_size' | 'segtype' | 'pool_lv', string>>[] },
    ];
  } | null;
};

/** Reads the one-line JSON document that the guest wrote; texts in it are base64. */
export function parseReport(line: string): BootReport {
  const raw = JSON.parse(line) as Raw;
  const text = (name: Text) => Buffer.from(raw[name], 'base64').toString('utf8').trimEnd();
  const lines = (name: Text) =>
    text(name)
      .split('\n')
      .filter((row) => row !== '');
  return {
    nonce: raw.nonce,
    state: raw.state,
    uefi: raw.uefi,
    mounts: raw.findmnt.filesystems.filter(({ source }) => source.startsWith('/dev/')),
    devices: raw.lsblk.blockdevices.filter(({ type }) => type === 'disk'),
    volumes: parseVolumes(raw.lvs),
    arrays: parseArrays(lines('arrays')),
    containers: parseContainers(lines('containers')),
    swaps: lines('swaps').map((row) => {
      const [name = '', , bytes, uuid = ''] = row.split(' ');
      return { name, bytes: Number(bytes), uuid };
    }),
    failedUnits: lines('failedUnits'),
    failedStatus: text('failedStatus'),
    cmdline: text('cmdline'),
    hostname: text('hostname'),
    fstab: text('fstab'),
    fstabVerdict: text('fstabVerdict'),
    times: text('times'),
    blame: text('blame'),
  };
}

/** Asked for a type, lvs has a row for each segment of a volume. */
function parseVolumes(lvs: Raw['lvs']): readonly ReportedVolume[] {
  const rows = lvs?.report[0].lv ?? [];
  const volumes = rows.map((row): [string, ReportedVolume] => [
    `${row.vg_name}/${row.lv_name}`,
    { group: row.vg_name, volume: row.lv_name, size: Number(row.lv_size), type: row.segtype, pool: row.pool_lv },
  ]);
  return [...new Map(volumes).values()];
}

/** Lines of NAME=VALUE; each array begins with ARRAY. */
function parseArrays(lines: readonly string[]): readonly ReportedArray[] {
  return sections(lines, /^ARRAY=/).map((section) => {
    const values = Object.fromEntries(
      section.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    return {
      path: values['ARRAY'] ?? '',
      level: values['MD_LEVEL'] ?? '',
      uuid: values['MD_UUID'] ?? '',
      metadata: values['MD_METADATA'] ?? '',
      members: Number(values['MD_DEVICES']),
      degraded: Number(values['DEGRADED']),
    };
  });
}

/** `PATH is active...`, then indented lines of `name:  value`. */
function parseContainers(lines: readonly string[]): readonly ReportedContainer[] {
  return sections(lines, /^\//).map(([head = '', ...rest]) => {
    const value = (name: string) =>
      rest.map((line) => /^\s+([^:]+):\s+(.*)$/.exec(line)).find((match) => match?.[1] === name)?.[2] ?? '';
    const flags = value('flags')
      .split(' ')
      .filter((flag) => flag !== '');
    return { path: head.split(' ')[0] ?? '', type: value('type'), cipher: value('cipher'), flags };
  });
}

/** Groups of lines, each beginning with one that matches. */
function sections(lines: readonly string[], head: RegExp): readonly (readonly string[])[] {
  const found: string[][] = [];
  for (const line of lines) {
    if (head.test(line)) found.push([]);
    found.at(-1)?.push(line);
  }
  return found;
}

/** All block devices with those on them, each once. */
export function flatDevices(devices: readonly ReportedDevice[]): readonly ReportedDevice[] {
  const all = devices.flatMap((device): readonly ReportedDevice[] => [device, ...flatDevices(device.children ?? [])]);
  return [...new Map(all.map((device) => [device.name, device])).values()];
}
