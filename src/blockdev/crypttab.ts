import type { BlockDevices, Luks } from './devices.ts';

/** Options with which a container is opened by systemd, later than the initramfs, or not at all while booting. */
const NOT_IN_INITRAMFS = /^(noauto|nofail|_netdev|x-initrd\.attach|(tpm2-device|fido2-device|pkcs11-uri)(=.*)?)$/;

/** What a container without options of its own gets, as in Debian's installer: freed blocks are freed below it too. */
const DEFAULT_OPTIONS: readonly string[] = ['discard'];

/** One line of /etc/crypttab with what it is about. */
export interface CrypttabEntry {
  readonly luks: Luks;
  /** Without newline. */
  readonly line: string;
}

/** The lines of /etc/crypttab in the order of the tree. */
export function crypttabEntries(devices: BlockDevices): readonly CrypttabEntry[] {
  return devices.luks.map((luks) => ({ luks, line: crypttabLine(luks) }));
}

/**
 * /etc/crypttab (crypttab(5)): every container is opened while booting, by a passphrase that is asked for on the console. With `initramfs` the
 * initramfs asks, which waits as long as it takes; systemd gives a file system 90 s to appear.
 */
export function crypttabText(devices: BlockDevices): string {
  return crypttabEntries(devices)
    .map(({ line }) => `${line}\n`)
    .join('');
}

/** Whether the initramfs opens a container, and not systemd or a person later. */
export function openedInInitramfs({ options }: Pick<Luks, 'options'>): boolean {
  return !options.some((option) => NOT_IN_INITRAMFS.test(option));
}

function crypttabLine(luks: Luks): string {
  const options = luks.options.length === 0 ? DEFAULT_OPTIONS : luks.options;
  const all = ['luks', ...options, ...(openedInInitramfs(luks) ? ['initramfs'] : [])];
  return [luks.mapper, `UUID=${luks.uuid}`, 'none', [...new Set(all)].join(',')].join(' ');
}
