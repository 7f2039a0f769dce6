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

type Raw = Readonly<
  Record<'swaps' | 'failedUnits' | 'failedStatus' | 'cmdline' | 'hostname' | 'fstab' | 'fstabVerdict' | 'times' | 'blame', string>
> & {
  readonly nonce: string;
  readonly state: string;
  readonly uefi: boolean;
  readonly findmnt: { readonly filesystems: readonly ReportedMount[] };
  readonly lsblk: { readonly blockdevices: readonly ReportedDevice[] };
};

/** Reads the one-line JSON document that the guest wrote; texts in it are base64. */
export function parseReport(line: string): BootReport {
  const raw = JSON.parse(line) as Raw;
  const text = (name: keyof Raw & string) =>
    Buffer.from(raw[name as 'swaps'], 'base64')
      .toString('utf8')
      .trimEnd();
  const lines = (name: keyof Raw & string) =>
    text(name)
      .split('\n')
      .filter((row) => row !== '');
  return {
    nonce: raw.nonce,
    state: raw.state,
    uefi: raw.uefi,
    mounts: raw.findmnt.filesystems.filter(({ source }) => source.startsWith('/dev/')),
    devices: raw.lsblk.blockdevices.filter(({ type }) => type === 'disk'),
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

/** Every partition, and every disk without any. */
export function leaves(devices: readonly ReportedDevice[]): readonly ReportedDevice[] {
  return devices.flatMap((device) => (device.children === undefined ? [device] : leaves(device.children)));
}
