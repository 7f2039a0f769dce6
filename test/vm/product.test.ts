import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { UML_MODULES } from '../../src/vm/uml-kernel.ts';
import { useMachine } from './support/machine.ts';

// The command line as root of a host with device-mapper, which the machine plays: one that has a volume group of the same name, active and mounted. What
// kinds do there is the matter of host-devices.test.ts; here: front, worker and state with it. Each test goes on from the one before.

const DIB = fileURLToPath(new URL('../../bin/dib.js', import.meta.url));
const PROJECT = '/run/project';
const judge = useMachine(640);

/** A container, in that a group with a linear and a thin volume, and a group of a linear volume that no key is needed for. */
const IMAGE = {
  apiVersion: 'dib/v1',
  name: 'whole',
  skip_base: true,
  distro: { name: 'tarball', path: 'rootfs.tar' },
  block_device: [
    { local_loop: { name: 'disk0', size: '104MiB' } },
    { local_loop: { name: 'disk1', size: '24MiB' } },
    { luks: { name: 'crypt', base: 'disk0', key: { env: 'KEY' }, pbkdf: 'pbkdf2', iter_time: 100 } },
    { lvm_pv: { base: 'crypt', vg: 'sys-tem' } },
    { lvm_pv: { base: 'disk1', vg: 'plain' } },
    {
      lvm: {
        vgs: [{ name: 'sys-tem' }, { name: 'plain' }],
        lvs: [
          { name: 'root', base: 'sys-tem', size: '32MiB' },
          { name: 'pool', base: 'sys-tem', type: 'thin-pool', size: '32MiB' },
          { name: 'thin', base: 'sys-tem', type: 'thin', 'thin-pool': 'pool', size: '64MiB' },
          { name: 'spare', base: 'plain', size: '16MiB' },
        ],
      },
    },
    { mkfs: { base: 'root', type: 'ext4', mount: { mount_point: '/', fstab: {} } } },
    { mkfs: { base: 'thin', type: 'ext4', mount: { mount_point: '/srv', fstab: {} } } },
    { mkfs: { base: 'spare', type: 'ext4', mount: { mount_point: '/var', fstab: {} } } },
  ],
  outputs: [{ format: 'raw', disk: 'disk0' }],
};

/** A root file system with a shell, which dib runs in it, and a file for the thin volume. */
function writeTree(directory: string): void {
  const tree = join(directory, 'tree');
  const libraries = execFileSync('ldd', ['/bin/bash'], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const file of ['/bin/bash', ...libraries]) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    copyFileSync(file, join(tree, file));
  }
  for (const [file, text] of [
    ['etc/os-release', 'ID=dib-test\n'],
    ['srv/thin', 'on a thin volume\n'],
  ] as const) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), text);
  }
  execFileSync('tar', ['--create', '--directory', tree, '--file', join(directory, 'rootfs.tar'), '.']);
}

/** Of the machine's own group, all that could be changed by mistake. */
async function hostGroup(): Promise<string[]> {
  return [
    await judge.run('vgs', '--noheadings', '--options', 'vg_name,vg_uuid,vg_seqno,lv_count', '--devices', '/dev/loop0'),
    await judge.run('dmsetup', 'table', 'sys--tem-root'),
    await judge.run('cat', '/run/mounted/mine'),
    await judge.run('sha256sum', '/run/host.raw'),
  ];
}

/** Runs dib in the project, and tells its exit status. `script`: what a shell does with it. */
async function dib(args: string, script = 'dib "$@" 2>&1; echo "status $?"'): Promise<string> {
  const preamble = `cd ${PROJECT}; export KEY=geheim DIB_IMAGE_CACHE=${PROJECT}/cache; dib() { node ${DIB} "$@"; }`;
  return await judge.run('bash', '-c', `${preamble}; ${script}`, 'bash', ...args.split(' '));
}

let before: string[];
beforeAll(async () => {
  writeTree(judge.directory);
  writeFileSync(join(judge.directory, 'image.yaml'), stringify(IMAGE));
  // As a host has them: where its kernel looks.
  await judge.run('mount', '--bind', UML_MODULES, '/usr/lib/modules');
  await judge.run('mkdir', PROJECT, '/run/mounted');
  await judge.run('mount', '-t', 'tmpfs', '-o', 'size=300M', 'tmpfs', PROJECT);
  await judge.run('cp', `${judge.directory}/image.yaml`, `${judge.directory}/rootfs.tar`, PROJECT);
  await judge.run('truncate', '--size=16M', '/run/host.raw');
  expect(await judge.run('losetup', '--find', '--show', '/run/host.raw')).toBe('/dev/loop0');
  await judge.run('vgcreate', '--yes', 'sys-tem', '/dev/loop0');
  await judge.run('lvcreate', '--yes', '--size', '8m', '--name', 'root', 'sys-tem');
  await judge.run('mkfs.ext4', '-q', '/dev/sys-tem/root');
  await judge.run('mount', '/dev/sys-tem/root', '/run/mounted');
  await judge.run('sh', '-c', 'echo mine >/run/mounted/mine && mount -o remount,ro /run/mounted');
  before = await hostGroup();
});

/** Of this machine only what it had before is left. */
async function expectClear(): Promise<void> {
  expect(await judge.run('dmsetup', 'ls')).toMatch(/^sys--tem-root\t\S+$/);
  expect(await judge.run('losetup', '--list', '--noheadings', '--output', 'NAME')).toBe('/dev/loop0');
  expect(await judge.run('sh', '-c', `grep -c ' ${PROJECT}/' /proc/mounts || true`)).toBe('0');
  expect(await hostGroup()).toEqual(before);
}

/** Runs dib and kills its worker once a shell's condition holds; all that was said, with the exit status. */
async function killed(args: string, condition: string): Promise<string> {
  const wait = `until ${condition}; do [ -d /proc/$front ] || break; sleep 0.05; done`;
  const kill = 'kill -KILL $(cat /proc/$front/task/$front/children)';
  return await dib(args, `node ${DIB} "$@" >log 2>&1 & front=$!; ${wait}; ${kill}; wait $front; echo "status $?"; cat log`);
}

const mappings = async () => (await judge.run('dmsetup', 'ls')).replaceAll(/\t.*$/gm, '').split('\n').sort();

test('a worker that is killed while its group is active and a volume open: the next apply goes on to the end', async () => {
  expect(await killed('apply --auto-approve', "grep -q 'mkfs.mkfs_thin: Creating' log")).toMatch(/^status 1$/m);
  const left = await mappings();
  expect(left).toContainEqual(expect.stringMatching(/^dib-[0-9a-f]{16}$/));
  expect(left).toContainEqual(expect.stringMatching(/^dib--[0-9a-f]{16}-thin$/));
  expect(left).toContain('sys--tem-root');

  const finished = await dib('apply --auto-approve');
  expect(finished).toContain('Apply complete!');
  expect(finished).not.toMatch(/^luks\.crypt: Creating/m);
  await expectClear();
});

test('a volume that is gone: plan tells, apply makes it again', async () => {
  const loop = await judge.run('losetup', '--find', '--show', `${PROJECT}/.dib/work/disk1.raw`);
  await judge.run('lvremove', '--yes', '--devices', loop, 'plain/spare');
  await judge.run('losetup', '--detach', loop);
  const planned = await dib('plan --refresh-only');
  expect(planned).toContain('Objects have changed outside of dib');
  expect(planned).toMatch(/# lvs\.spare has been deleted: the volume group in \S+disk1\.raw has no volume spare of its id$/m);
  expect(await dib('apply --auto-approve')).toContain('Apply complete!');
  await expectClear();
});

test('an attach that is killed goes on; not a byte changes, and destroy takes all of it away', async () => {
  await judge.run('umount', '/run/mounted');
  await judge.run('vgchange', '--activate', 'n', 'sys-tem');
  await judge.run('losetup', '--detach', '/dev/loop0');
  const digests = async () => await judge.run('sh', '-c', `sync; sha256sum ${PROJECT}/.dib/work/*.raw`);
  const digest = await digests();
  expect(await killed('attach', `grep -q ' ${PROJECT}/.dib/work/mnt ' /proc/mounts`)).toMatch(/^status 1$/m);
  expect(await mappings()).toContain('sys--tem-root');
  expect(await dib('attach')).toMatch(/^Attached until `dib detach`, read-only\.$/m);
  expect(await judge.run('cat', `${PROJECT}/.dib/work/mnt/srv/thin`)).toBe('on a thin volume');
  expect(await digests()).toBe(digest);
  expect(await dib('destroy --auto-approve')).toMatch(/^status 0$/m);
  expect(await judge.run('dmsetup', 'ls')).toBe('No devices found');
  expect(await judge.run('losetup', '--list', '--noheadings')).toBe('');
  expect(await judge.run('sh', '-c', `grep -c ' ${PROJECT}/' /proc/mounts || true`)).toBe('0');
});
