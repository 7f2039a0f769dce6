import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/util/hash.ts';
import { CACHE } from '../../support/caches.ts';
import { type Bench, type DriverResult, layerBench, runDriver } from '../../support/layer-runs.ts';
import { needRoot } from '../../support/privileges.ts';

const ELEMENTS = fileURLToPath(new URL('../../../elements', import.meta.url));
const KEYS = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLE ops@example';
/** crypt(5) of "example", so that two builds are the same. */
const PASSWORD = '$5$example$7VJ0dVMTFzYGM4Xnm0kKWkBdcYQ1RQYjVOO.zpmr8j3';

const image = {
  apiVersion: 'dib/v1',
  name: 'library-test',
  distro: { name: 'debian', release: 'bookworm', arch: 'amd64', components: ['main'], variant: 'minbase' },
  elements: ['block-device-efi', 'cloud-init', 'devuser', 'growroot', 'install-bin', 'install-static', 'openssh-server', 'vm'],
  elements_path: [],
  packages: [],
  environment: {
    DIB_DEBIAN_KERNEL: 'linux-image-cloud-amd64',
    DIB_DEV_USER_USERNAME: 'ops',
    DIB_DEV_USER_PWDLESS_SUDO: 'yes',
    DIB_DEV_USER_AUTHORIZED_KEYS: KEYS,
    DIB_DEV_USER_PASSWORD: PASSWORD,
    DIB_GRUB_TIMEOUT: '1',
  },
  outputs: [],
};
const layout = {
  rootLabel: 'root',
  rootFstype: 'ext4',
  rootUuid: '11111111-2222-3333-4444-555555555555',
  espUuid: 'ABCD-1234',
  partmap: 'gpt',
  mountPoints: ['/', '/boot/efi'],
  grubFilesystems:
    '/|11111111-2222-3333-4444-555555555555|/dev/disk/by-uuid/11111111-2222-3333-4444-555555555555|ext4|||gpt\n/boot/efi|ABCD-1234|/dev/disk/by-uuid/ABCD-1234|vfat|||gpt',
};

let bench: Bench;
let built: DriverResult;
const entry = (path: string) => built.manifest?.[path];

beforeAll(async () => {
  needRoot();
  bench = layerBench();
  const request = { image, layout, cache: CACHE, manifest: true, builtinDirectory: ELEMENTS, skipBase: false };
  built = await runDriver(bench, bench.request(request));
  if (built.error !== undefined) throw new Error(`${JSON.stringify(built.error, null, 2)}\n${built.log.slice(-5000)}`);
}, 600_000);

afterAll(() => bench?.remove());

describe('the shipped elements, in an image', () => {
  test.each(['dib-dhcp', 'dib-growroot', 'dib-ssh-host-keys', 'ssh'])(
    'dib-init-system and others: %s.service is enabled',
    (unit) => {
      expect(entry(`etc/systemd/system/multi-user.target.wants/${unit}.service`)).toContain(`systemd/system/${unit}.service`);
    },
  );

  test('base: locale', () => {
    expect(entry('etc/default/locale')).toBeDefined();
  });

  test('debian-minimal: kernel, initial file system, init', () => {
    const names = Object.keys(built.manifest ?? {});
    expect(names.filter((name) => /^boot\/vmlinuz-.*-cloud-amd64$/.test(name))).toHaveLength(1);
    expect(names.filter((name) => /^boot\/initrd\.img-.*-cloud-amd64$/.test(name))).toHaveLength(1);
    expect(entry('usr/sbin/init')).toContain('systemd');
  });

  test('vm and bootloader: images for BIOS and UEFI, configuration, no GRUB package that writes to disks', () => {
    for (const path of [
      'boot/grub/grub.cfg',
      'boot/grub/i386-pc/core.img',
      'boot/grub/i386-pc/normal.mod',
      'boot/grub/x86_64-efi/normal.mod',
    ]) {
      expect(entry(path), path).toBeDefined();
    }
    expect(entry('boot/efi/EFI/BOOT/BOOTX64.EFI')).toBeDefined();
    expect(entry('var/lib/dpkg/info/grub-pc.list')).toBeUndefined();
  });

  test('openssh-server: no host key, hardened', () => {
    expect(Object.keys(built.manifest ?? {}).filter((name) => name.startsWith('etc/ssh/ssh_host_'))).toEqual([]);
    const hardening = '# Written by the element openssh-server.\nMACs -*sha1*,umac-64*\nKexAlgorithms -*sha1,ecdh-sha2-nistp*\n';
    expect(entry('etc/ssh/sshd_config.d/50-dib-hardening.conf')).toBe(`100644 0:0 ${sha256(hardening)}`);
  });

  test('devuser and add-user: home, keys, sudo, and the password in no log', () => {
    expect(entry('home/ops/.ssh')).toBe('40700 1000:1000');
    expect(entry('home/ops/.ssh/authorized_keys')).toBe(`100600 1000:1000 ${sha256(`${KEYS}\n`)}`);
    expect(entry('etc/sudoers.d/50-dib-ops')).toBe(`100440 0:0 ${sha256('ops ALL=(ALL) NOPASSWD:ALL\n')}`);
    expect(built.log).not.toContain(PASSWORD);
  });

  test('cloud-init and cloud-init-datasources: data sources', () => {
    const text = 'datasource_list: [ NoCloud, ConfigDrive, OpenStack, Ec2, None ]\ndatasource:\n  Ec2:\n    strict_id: false\n';
    expect(entry('etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg')).toBe(`100644 0:0 ${sha256(text)}`);
  });

  test('growroot: its program', () => {
    expect(entry('usr/local/sbin/dib-growroot')).toMatch(/^100755 0:0 /);
    expect(entry('usr/bin/growpart')).toBeDefined();
  });

  test('sysprep and dpkg: identities, logs and package lists are gone', () => {
    expect(entry('etc/machine-id')).toBe(`100444 0:0 ${sha256('')}`);
    expect(entry('var/lib/systemd/random-seed')).toBeUndefined();
    expect(
      Object.keys(built.manifest ?? {}).filter((name) => /^var\/lib\/apt\/lists\/.*(Packages|InRelease)/.test(name)),
    ).toEqual([]);
    expect(entry('var/log/dpkg.log')).toBe(`100644 0:0 ${sha256('')}`);
  });

  test('nothing of the build stays', () => {
    const names = Object.keys(built.manifest ?? {});
    expect(names.filter((name) => /in_target|(^|\/)install-packages$|usr\/local\/bin\/./.test(name))).toEqual([]);
    expect(entry('usr/sbin/policy-rc.d')).toBeUndefined();
  });
});
