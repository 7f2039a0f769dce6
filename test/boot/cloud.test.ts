import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flatDevices } from '../support/boot-report.ts';
import { type BuiltImage, buildImage, readExample } from '../support/example.ts';
import { expectPromisesKept } from '../support/expect-promises.ts';
import { bootAndReport } from '../support/qemu.ts';
import { freePort, makeSshKey, type SshKey, ssh } from '../support/ssh.ts';

const MIB = 1024 * 1024;
const LARGER = 3 * 1024 * MIB;

/** A disk with the file system that cloud-init's data source NoCloud looks for. */
function seedDisk(directory: string): string {
  const file = join(directory, 'seed.img');
  writeFileSync(file, '');
  truncateSync(file, MIB);
  execFileSync('mkfs.vfat', ['-n', 'CIDATA', file], { stdio: 'ignore' });
  writeFileSync(join(directory, 'meta-data'), 'instance-id: i-1\nlocal-hostname: seeded\n');
  const userData = '#cloud-config\nwrite_files:\n- { path: /etc/seeded, content: "by user-data" }\n';
  writeFileSync(join(directory, 'user-data'), userData);
  execFileSync('mcopy', ['-i', file, join(directory, 'meta-data'), join(directory, 'user-data'), '::']);
  return file;
}

describe('an image for clouds: cloud-init, growroot, devuser, openssh-server', () => {
  let directory: string;
  let key: SshKey;
  let built: BuiltImage;

  beforeAll(() => {
    directory = mkdtempSync('/var/tmp/dib-test-cloud-');
    key = makeSshKey(directory);
    const quickstart = readExample('quickstart');
    built = buildImage({
      ...quickstart,
      name: 'cloud',
      elements: [...quickstart.elements, 'cloud-init', 'growroot', 'devuser'],
      environment: {
        ...(quickstart['environment'] as object),
        DIB_CLOUD_INIT_DATASOURCES: 'NoCloud',
        DIB_DEV_USER_USERNAME: 'ops',
        DIB_DEV_USER_PWDLESS_SUDO: 'yes',
        DIB_DEV_USER_AUTHORIZED_KEYS: key.publicKey,
        DIB_BOOT_REPORT_WHOLE: '1',
      },
    });
  });
  afterAll(async () => {
    await built?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  it('boots on a larger disk with seed, grows, takes its name from the seed, and lets its user in', async () => {
    const overlay = join(directory, 'larger.qcow2');
    const { file, format } = built.disks[0] as BuiltImage['disks'][number];
    const arguments_ = ['create', '-q', '-f', 'qcow2', '-b', file, '-F', format, overlay, String(LARGER)];
    execFileSync('qemu-img', arguments_);
    const disks = [
      { file: overlay, format: 'qcow2' },
      { file: seedDisk(directory), format: 'raw' },
    ] as const;
    const sshPort = await freePort();
    const said: string[] = [];
    const { report } = await bootAndReport(disks, 'bios', {
      sshPort,
      inside: async () => {
        for (const command of ['id -un; sudo -n id -un', 'cat /etc/seeded', 'cloud-init status']) {
          said.push(await ssh(sshPort, 'ops', key, command));
        }
      },
    });
    expect(said).toEqual(['ops\nroot', 'by user-data', 'status: done']);

    const devices = report.devices.filter(({ label }) => label !== 'CIDATA');
    const promised = built.promises.mounts.find(({ target }) => target === '/');
    const root = flatDevices(devices).find(({ partuuid }) => partuuid === promised?.partuuid);
    const before = built.promises.partitions.find(({ partuuid }) => partuuid === promised?.partuuid)?.size ?? 0;
    // A GiB more, but for what GPT's second table and alignment take.
    expect(root?.size).toBeGreaterThan(before + 1022 * MIB);
    expect(report.mounts.find(({ target }) => target === '/')?.size).toBeGreaterThan(before);
    const grown = built.promises.partitions.map((each) =>
      each.partuuid === root?.partuuid ? { ...each, size: root?.size ?? 0 } : each,
    );
    expectPromisesKept({ ...report, devices }, { ...built.promises, partitions: grown }, 'seeded');
  });
});
