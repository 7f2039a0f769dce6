import type { BlockDevices, Luks } from './devices.ts';
import { devicesUnder, mountedFilesystem, mountHolding } from './mounted.ts';

/** Options by which a container stays closed while the system starts, or may be missing. */
const NOT_NEEDED = /^(noauto|nofail|_netdev)$/;

/** Options with which systemd opens a container by other means than a passphrase; Debian's initramfs-tools know none of them. */
const TOKEN = /^(tpm2-device|fido2-device|pkcs11-uri)=/;

/** What a container without options of its own gets, as in Debian's installer: blocks that are freed in it are freed below it too. */
const DEFAULT_OPTIONS: readonly string[] = ['discard'];

/** What the initramfs has to mount: the rest is mounted by the system on it. */
const MOUNTED_IN_INITRAMFS: readonly string[] = ['/', '/usr'];

/**
 * /etc/crypttab (crypttab(5)): every container is opened while the system starts, by a passphrase that is asked for on the console. With `initramfs` it is the initramfs that
 * asks, and waits as long as it takes; systemd gives a file system 90 s to appear.
 */
export function crypttabText(devices: BlockDevices): string {
  return devices.luks.map((luks) => `${crypttabLine(devices, luks)}\n`).join('');
}

/** A line of /etc/crypttab, without newline. */
export function crypttabLine(devices: BlockDevices, luks: Luks): string {
  const options = luks.options.length === 0 ? DEFAULT_OPTIONS : luks.options;
  const all = ['luks', ...options, ...(openedInInitramfs(devices, luks) ? ['initramfs'] : [])];
  return [luks.mapper, `UUID=${luks.uuid}`, 'none', [...new Set(all)].join(',')].join(' ');
}

/** Whether the initramfs opens a container, and not systemd or a person later. */
function openedInInitramfs(devices: BlockDevices, luks: Luks): boolean {
  if (luks.options.some((option) => NOT_NEEDED.test(option))) return false;
  return holdsRoot(devices, luks) || !luks.options.some((option) => TOKEN.test(option));
}

/** Whether the initramfs has to open a container, as it holds what it mounts. */
export function holdsRoot(devices: BlockDevices, luks: Luks): boolean {
  return MOUNTED_IN_INITRAMFS.some((path) => {
    const mount = mountHolding(devices, path);
    const mounted = mount && mountedFilesystem(devices, mount);
    return mounted !== undefined && devicesUnder(devices, mounted.mkfs.base).has(luks.name);
  });
}

/** The option by which the initramfs would leave a container closed that it has to open; or the one that it does not understand. */
export function unfitForRoot({ options }: Pick<Luks, 'options'>): { readonly closed?: string; readonly token?: string } {
  const closed = options.find((option) => NOT_NEEDED.test(option));
  const token = options.find((option) => TOKEN.test(option));
  return { ...(closed === undefined ? {} : { closed }), ...(token === undefined ? {} : { token }) };
}
