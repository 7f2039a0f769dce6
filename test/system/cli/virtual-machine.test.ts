import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ordinaryUserCache } from '../../support/caches.ts';
import { asOrdinaryUser, ordinaryUserIds } from '../../support/privileges.ts';
// @ts-expect-error: plain JavaScript, also run by itself
import { treeManifest } from '../../support/tree-manifest.mjs';
import { disk, ODD_PACKAGES, oddFiles, Project, type RunOptions, rootPartition, smallImage } from './project.ts';

// A root on xfs has to be mounted: by the kernel of this machine, of user-mode Linux, or of QEMU. All must give the same.
const image = smallImage({
  elements: ['./elements/odd'],
  packages: ODD_PACKAGES,
  block_device: disk('1GiB', [
    { name: 'var', size: '200MiB', mkfs: { type: 'ext4', mount: { mount_point: '/var', fstab: {} } } },
    rootPartition('xfs'),
  ]),
});

let onHost: Project;
let inQemu: Project;
let ofUser: Project;
beforeAll(() => {
  [onHost, inQemu, ofUser] = [new Project(image), new Project(image), new Project(image, ordinaryUserCache())];
  for (const project of [onHost, inQemu, ofUser]) oddFiles(project);
  const { uid, gid } = ordinaryUserIds();
  execFileSync('chown', ['-R', `${uid}:${gid}`, ofUser.directory]);
});
afterAll(() => {
  onHost.remove();
  inQemu.remove();
  asUser(['destroy', '--auto-approve', '--outputs']);
  ofUser.expectNothingLeft();
  rmSync(ofUser.directory, { recursive: true });
});

function asUser(args: readonly string[], options: RunOptions = {}) {
  const env = { HOME: ofUser.directory, ...options.env };
  return ofUser.run(args, { ...options, prefix: asOrdinaryUser(), env });
}

interface Extent {
  readonly start: number;
  readonly size: number;
}

/** What is in the image, as this kernel mounts it: one file system after the other. */
function manifestOf(project: Project): Record<string, string>[] {
  const file = project.path('small.raw');
  const table = JSON.parse(execFileSync('sfdisk', ['--json', file], { encoding: 'utf8' })) as {
    partitiontable: { partitions: Extent[] };
  };
  const point = mkdtempSync('/var/tmp/dib-test-mnt-');
  try {
    return table.partitiontable.partitions.map(({ start, size }) => {
      execFileSync('mount', ['-o', `ro,loop,offset=${start * 512},sizelimit=${size * 512}`, file, point]);
      try {
        return treeManifest(point) as Record<string, string>;
      } finally {
        execFileSync('umount', [point]);
      }
    });
  } finally {
    rmSync(point, { recursive: true });
  }
}

/** The piece of the image with the xfs, judged by the tools of xfs. */
function repairXfs(project: Project): void {
  const piece = project.path('piece.img');
  const file = project.path('small.raw');
  const { partitiontable } = JSON.parse(execFileSync('sfdisk', ['--json', file], { encoding: 'utf8' })) as {
    partitiontable: { partitions: Extent[] };
  };
  const { start, size } = partitiontable.partitions[1] as Extent;
  const bytes = ['iflag=skip_bytes,count_bytes', `skip=${start * 512}`, `count=${size * 512}`];
  execFileSync('dd', [`if=${file}`, `of=${piece}`, 'bs=1M', ...bytes, 'conv=sparse', 'status=none']);
  execFileSync('truncate', ['-s', String(size * 512), piece]);
  try {
    execFileSync('xfs_repair', ['-n', '-f', piece], { stdio: 'pipe' });
  } finally {
    rmSync(piece);
  }
}

test('an ordinary user builds in user-mode Linux what root builds with the kernel of this machine', () => {
  onHost.apply();
  const { stdout: plan } = asUser(['plan']);
  expect(plan).toMatch(
    /worker vm \(user-mode Linux\), needs root: the disk file is attached as loop devices; user-mode Linux has it without root\n/,
  );
  expect(plan).toMatch(/local_loop\.image0: attached, mkfs\.mkfs_root: mkfs\.xfs cannot fill itself/);
  expect(asUser(['apply', '--auto-approve']).stdout).toContain('Apply complete!');
  ofUser.expectNothingLeft();
  repairXfs(ofUser);
  const [host, user] = [manifestOf(onHost), manifestOf(ofUser)];
  expect(Object.keys(host[1] ?? {}).length).toBeGreaterThan(3000);
  expect(user).toEqual(host);
  expect(user[1]?.['srv/odd/setuid']).toMatch(/^104755 0:0 /);
  expect(user[1]?.['srv/odd/file']).toMatch(/^100604 60000:60001 /);
  expect(user[1]?.['srv/odd/capable']).toContain('security.capability=');
  expect(asUser(['plan']).stdout).toContain('No changes.');
});

test('QEMU builds the same', () => {
  expect(inQemu.run(['plan', '--machine', 'qemu']).stdout).toContain('worker vm (QEMU), as requested\n');
  inQemu.apply(['--machine', 'qemu']);
  inQemu.expectNothingLeft();
  repairXfs(inQemu);
  expect(manifestOf(inQemu)).toEqual(manifestOf(onHost));
  // How it was made is no part of what it is.
  expect(inQemu.run(['plan']).stdout).toContain('No changes.');
});

test('the plan names what was asked for, and refuses what cannot be', () => {
  expect(onHost.run(['plan', '--worker', 'vm', '--replace', 'mkfs.mkfs_root']).stdout).toContain(
    'worker vm (user-mode Linux), as requested\n',
  );
  expect(onHost.run(['plan', '--machine', 'uml', '--replace', 'mkfs.mkfs_root']).stdout).toContain(
    'worker vm (user-mode Linux), as requested\n',
  );
  expect(asUser(['plan', '--worker', 'userns', '--replace', 'mkfs.mkfs_root'], { status: 69 }).stderr).toContain(
    'The worker userns cannot do this: the xfs file systems of the image are mounted',
  );
  expect(onHost.run(['plan', '--worker', 'host', '--machine', 'qemu'], { status: 64 }).stderr).toContain(
    '--machine qemu cannot be given with --worker host',
  );
});
