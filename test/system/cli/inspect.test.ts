import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asOrdinaryUser } from '../../support/privileges.ts';
import { disk, Project, tinyImage } from './project.ts';

let project: Project;
let work: string;
beforeAll(() => {
  const mkfs = (mount_point: string) => ({ type: 'ext4', mount: { mount_point, fstab: {} } });
  project = new Project(
    tinyImage({
      block_device: disk('96MiB', [
        { name: 'boot', size: '32MiB', mkfs: mkfs('/boot') },
        { name: 'swap', size: '16MiB', mkfs: { type: 'swap', mount: { mount_point: 'none', fstab: {} } } },
        { name: 'root', size: '100%', mkfs: mkfs('/') },
      ]),
      outputs: ['raw', 'tar'],
    }),
  );
  work = project.path('.dib/work/image0.raw');
});
afterAll(() => project.remove());

interface Attached {
  readonly read_only: boolean;
  readonly already: boolean;
  readonly attached: readonly {
    readonly address: string;
    readonly device?: string;
    readonly mounted_at?: string;
    readonly mount_point?: string;
  }[];
}

function attach(...args: readonly string[]): Attached {
  return JSON.parse(project.run(['attach', '--json', ...args]).stdout) as Attached;
}

/** `address device-or-mount-point` of all that is attached. */
function table({ attached }: Attached): string[] {
  return attached.map(({ address, device, mounted_at }) => `${address} ${device?.replace(/\d+$/, 'N') ?? mounted_at ?? '-'}`);
}

function loopsOn(file: string): { name: string; ro: boolean }[] {
  const text = execFileSync('losetup', ['--json', '--output', 'NAME,RO,BACK-FILE'], { encoding: 'utf8' });
  const table =
    text === ''
      ? { loopdevices: [] }
      : (JSON.parse(text) as { loopdevices: { name: string; ro: boolean; 'back-file': string }[] });
  return table.loopdevices.filter((loop) => loop['back-file'] === file).map(({ name, ro }) => ({ name, ro }));
}

const errorOf = (args: readonly string[], status = 1) => project.run(args, { status }).stderr;

test('before anything is built there is nothing to attach, to detach or to forget', () => {
  for (const args of [['attach'], ['detach'], ['state', 'rm', 'output.raw'], ['plan', '--destroy']]) {
    expect(errorOf(args)).toContain(`error[DIB_STATE_NONE]: There is no state in ${project.path('.dib')}`);
  }
  expect(existsSync(project.path('.dib'))).toBe(false);
  project.apply();
});

test('attach: devices and mounts, nothing can be written, told when it is done already', () => {
  const mnt = project.path('.dib/work/mnt');
  const first = attach();
  expect([first.read_only, first.already]).toEqual([true, false]);
  expect(table(first)).toEqual([
    'local_loop.image0 /dev/loopN',
    `mount.mount_mkfs_boot ${mnt}/boot`,
    `mount.mount_mkfs_root ${mnt}`,
    'mount.mount_mkfs_swap -',
    'partition.boot /dev/loopN',
    'partition.root /dev/loopN',
    'partition.swap /dev/loopN',
  ]);
  expect(readFileSync(`${mnt}/etc/fstab`, 'utf8')).toContain(' / ext4 ');
  expect(() => writeFileSync(`${mnt}/x`, '')).toThrow('EROFS');
  expect(loopsOn(work).map(({ ro }) => ro)).toEqual([true, true, true, true]);
  expect(project.run(['state', 'list']).stdout).toContain('mount.mount_mkfs_root (attached)');

  const second = project.run(['attach']);
  expect(second.stderr).toContain('The image is attached already: nothing was done.');
  expect(second.stdout).toContain('Attached until `dib detach`, read-only.');
  expect(second.stdout).toMatch(/mount\.mount_mkfs_boot +\/boot at .*\/mnt\/boot\n/);
  expect(attach()).toEqual({ ...first, already: true });
  expect(loopsOn(work)).toHaveLength(4);
  expect(errorOf(['attach', '--read-write'])).toContain('error[DIB_ATTACH_MODE]: The image is attached read-only');
  expect(project.run(['plan', '--detailed-exitcode']).stdout).toContain('No changes.');
});

test('where a part was taken away, attach brings all of it back', () => {
  execFileSync('umount', [project.path('.dib/work/mnt/boot')]);
  expect(project.run(['plan']).stdout).toContain('# mount.mount_mkfs_boot is not attached any more: nothing is mounted at');
  expect(attach().already).toBe(false);
  expect(existsSync(project.path('.dib/work/mnt/boot/lost+found'))).toBe(true);
  expect(loopsOn(work)).toHaveLength(4);
});

test('state rm refuses what is attached, forgets all or nothing, and says what stays', () => {
  const state = () => readFileSync(project.path('.dib/state.json'), 'utf8');
  const before = state();
  expect(errorOf(['state', 'rm', 'output.tar', 'partition.root'])).toContain(
    'error[DIB_STATE_ATTACHED]: partition.root is attached',
  );
  expect(errorOf(['state', 'rm', 'output.tar', 'output.zip'])).toContain('error[DIB_STATE_UNKNOWN_ADDRESS]');
  const dry = project.run(['state', 'rm', '--dry-run', 'output.tar']);
  expect(dry.stderr).toContain(`Would forget output.tar; what it stands for is as it was.`);
  expect(dry.stderr).toContain(`  ${project.path('small.tar')}\n`);
  expect(state()).toBe(before);
  const forced = JSON.parse(project.run(['state', 'rm', '--dry-run', '--force', '--json', 'partition.boot']).stdout);
  expect(forced).toMatchObject({
    dry_run: true,
    forgotten: ['partition.boot'],
    stays: [expect.stringMatching(/^\/dev\/loop\d+$/)],
  });
  expect(forced.dependents).toEqual(expect.arrayContaining(['mkfs.mkfs_boot', 'mount.mount_mkfs_boot', 'output.raw']));
});

test('detach undoes it, twice is no error, and what others attached is told and left', () => {
  const theirs = execFileSync('losetup', ['--find', '--show', '--read-only', work], { encoding: 'utf8' }).trim();
  const { stdout, stderr } = project.run(['detach']);
  expect(stdout).toBe('Detached.\n');
  expect(stderr).toContain(`Others still use the disk files`);
  expect(stderr).toContain(`losetup --detach ${theirs}  # shows ${work}`);
  expect(loopsOn(work).map(({ name }) => name)).toEqual([theirs]);
  execFileSync('losetup', ['--detach', theirs]);
  expect(JSON.parse(project.run(['detach', '--json']).stdout)).toEqual({ format_version: '1.0', detached: [], still_in_use: [] });
  expect(project.run(['detach']).stdout).toBe('Nothing was attached.\n');
  expect(project.run(['plan']).stdout).toContain('No changes.');
  project.expectNothingLeft();
});

test('--no-mount attaches devices only; a mount that is in use keeps what it stands on, and says who', () => {
  expect(table(attach('--no-mount')).filter((row) => row.startsWith('mount'))).toEqual([]);
  attach();
  const held = openSync(project.path('.dib/work/mnt/etc/fstab'), 'r');
  expect(errorOf(['detach'])).toMatch(/error\[DIB_MOUNT_BUSY\]/);
  closeSync(held);
  project.run(['detach']);
  project.expectNothingLeft();
});

test('what is written through --read-write shows as drift, and the next apply undoes it', () => {
  expect(attach('--read-write').read_only).toBe(false);
  writeFileSync(project.path('.dib/work/mnt/etc/motd'), 'written by hand\n');
  project.run(['detach']);
  expect(project.run(['plan']).stdout).toContain('# local_loop.image0 has changed: its content was changed at ');
  project.apply();
  attach();
  expect(
    existsSync(project.path('.dib/work/mnt/etc/motd')) && readFileSync(project.path('.dib/work/mnt/etc/motd'), 'utf8'),
  ).not.toBe('written by hand\n');
});

test('an apply detaches first; so does destroy', () => {
  project.change({ outputs: ['raw', 'tar', 'qcow2'] });
  const events = project.events(['apply', '--auto-approve']);
  const done = events.flatMap(({ type, hook }) => (type === 'apply_complete' ? [`${hook?.action} ${hook?.resource.addr}`] : []));
  expect(done.indexOf('detach local_loop.image0')).toBeLessThan(done.indexOf('create output.qcow2'));
  project.expectNothingLeft();
});

test('a disk file that is gone cannot be attached; an ordinary user is told to use sudo', () => {
  renameSync(work, `${work}.kept`);
  const { stderr } = project.run(['attach'], { status: 1 });
  expect(stderr).toContain(`error[DIB_ATTACH_FILE_GONE]: The disk file ${work} is gone`);
  expect(stderr).toContain('Run dib apply, which makes it anew');
  renameSync(`${work}.kept`, work);
  execFileSync('chown', ['-R', 'dib-test', project.directory]);
  const refused = project.run(['attach'], { status: 69, prefix: asOrdinaryUser(), env: { HOME: '/home/dib-test' } });
  execFileSync('chown', ['-R', 'root', project.directory]);
  expect(refused.stderr).toContain('error[DIB_ATTACH_ROOT]: Attaching an image needs root');
  expect(refused.stderr).toContain('sudo dib attach');
});

test('an image without a disk has nothing to attach', () => {
  const other = new Project(tinyImage({ outputs: ['tar'], block_device: undefined }));
  other.apply();
  const { stderr } = other.run(['attach'], { status: 1 });
  expect(stderr).toContain('error[DIB_ATTACH_NOTHING]: There is nothing to attach: the state has no disk');
  other.remove();
});

test('state import adopts an output that is there already', () => {
  const raw = project.path('small.raw');
  expect(errorOf(['state', 'import', 'output.raw', raw])).toContain(
    'error[DIB_IMPORT_RECORDED]: output.raw: The state has output.raw already',
  );
  project.run(['state', 'rm', 'output.raw']);
  expect(project.planned()).toEqual(['output.raw: create']);
  const before = readFileSync(project.path('.dib/state.json'), 'utf8');
  const serial = (text: string) => (JSON.parse(text) as { serial: number }).serial;
  for (const [address, path, said] of [
    [
      'output.raw',
      project.path('other.raw'),
      `The configuration puts this output at ${raw}, not at ${project.path('other.raw')}`,
    ],
    ['output.ray', raw, 'error[DIB_IMPORT_UNDECLARED]: The image has no resource output.ray'],
  ] as const) {
    expect(errorOf(['state', 'import', address, path])).toContain(said);
  }
  project.run(['state', 'rm', 'mkfs.mkfs_root']);
  const refused = errorOf(['state', 'import', 'mkfs.mkfs_root', raw]);
  expect(refused).toContain('error[DIB_IMPORT_KIND]: mkfs.mkfs_root: mkfs.mkfs_root cannot be imported');
  expect(refused).toContain('Of this image, these can be imported: local_loop.image0, output.raw, output.tar and output.qcow2.');
  writeFileSync(project.path('.dib/state.json'), before);

  const kept = `${raw}.kept`;
  renameSync(raw, kept);
  expect(errorOf(['state', 'import', 'output.raw', raw])).toContain(`error[DIB_IMPORT_NOT_A_FILE]: There is no file ${raw}`);
  copyFileSync(project.path('small.qcow2'), raw);
  expect(errorOf(['state', 'import', 'output.raw', raw])).toContain(
    `error[DIB_IMPORT_FORMAT]: ${raw} is qcow2, and the configuration wants raw`,
  );
  renameSync(kept, raw);
  const imported = project.run(['state', 'import', 'output.raw', 'small.raw']);
  expect(imported.stdout).toContain(`Imported output.raw from ${raw}.`);
  expect(serial(readFileSync(project.path('.dib/state.json'), 'utf8'))).toBe(serial(before) + 1);
  expect(project.run(['plan']).stdout).toContain('No changes.');
  appendFileSync(raw, 'x');
  expect(project.run(['plan']).stdout).toContain('# output.raw has changed');
  truncateSync(raw, 96 * 1024 ** 2);
});

test('state import adopts a disk file from elsewhere; the plan compares it', () => {
  const elsewhere = project.path('elsewhere');
  mkdirSync(elsewhere);
  const file = `${elsewhere}/disk.raw`;
  writeFileSync(file, '');
  truncateSync(file, 128 * 1024 ** 2);
  const fresh = ['--state-dir', project.path('fresh')];
  const json = JSON.parse(project.run(['state', 'import', '--json', ...fresh, 'local_loop.image0', file]).stdout);
  expect(json).toMatchObject({ address: 'local_loop.image0', outputs: { file, size: 128 * 1024 ** 2, sectorSize: 512 } });
  expect(project.reason('local_loop.image0', fresh)).toBe('must be replaced: size 128MiB -> 96MiB');
  project.run(['state', 'rm', ...fresh, 'local_loop.image0']);
  truncateSync(file, 96 * 1024 ** 2);
  project.run(['state', 'import', ...fresh, 'local_loop.image0', file]);
  expect(project.reason('local_loop.image0', fresh)).toBe('is up to date');
  expect(project.reason('partitioning.partitioning_image0', fresh)).toBe('will be created');
  rmSync(file);
  expect(project.run(['plan', ...fresh]).stdout).toContain('# local_loop.image0 has been deleted');
  rmSync(elsewhere, { recursive: true });
  rmSync(project.path('fresh'), { recursive: true });
});
