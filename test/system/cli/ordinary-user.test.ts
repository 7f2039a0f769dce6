import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ordinaryUserCache } from '../../support/caches.ts';
import { asOrdinaryUser, ordinaryUserIds } from '../../support/privileges.ts';
// @ts-expect-error: plain JavaScript, also run by itself
import { treeManifest } from '../../support/tree-manifest.mjs';
import { disk, ODD_PACKAGES, oddFiles, Project, rootPartition, smallImage } from './project.ts';

const image = smallImage({
  elements: ['./elements/odd'],
  packages: ODD_PACKAGES,
  block_device: disk('640MiB', [
    { name: 'var', size: '200MiB', mkfs: { type: 'ext4', mount: { mount_point: '/var', fstab: {} } } },
    rootPartition(),
  ]),
  outputs: ['raw', 'tar'],
});
let ofRoot: Project;
let ofUser: Project;
beforeAll(() => {
  ofRoot = new Project(image);
  ofUser = new Project(image, ordinaryUserCache());
  for (const project of [ofRoot, ofUser]) oddFiles(project);
  const { uid, gid } = ordinaryUserIds();
  execFileSync('chown', ['-R', `${uid}:${gid}`, ofUser.directory]);
});
afterAll(() => {
  ofRoot.remove();
  asUser(['destroy', '--auto-approve', '--outputs']);
  ofUser.expectNothingLeft();
  rmSync(ofUser.directory, { recursive: true });
});

function asUser(args: readonly string[], status = 0) {
  return ofUser.run(args, { status, prefix: asOrdinaryUser(), env: { HOME: ofUser.directory } });
}

function manifestOf(project: Project): Record<string, string> {
  const root = mkdtempSync('/var/tmp/dib-test-mnt-');
  const image = project.path('small.raw');
  const table = JSON.parse(execFileSync('sfdisk', ['--json', image], { encoding: 'utf8' })) as {
    partitiontable: { partitions: { start: number; size: number }[] };
  };
  const [var_, top] = table.partitiontable.partitions;
  const mount = (part: { start: number; size: number } | undefined, point: string) => {
    if (part === undefined) throw new Error('a partition is missing');
    mkdirSync(point, { recursive: true });
    execFileSync('mount', ['-o', `ro,loop,offset=${part.start * 512},sizelimit=${part.size * 512}`, image, point]);
  };
  try {
    mount(top, root);
    mount(var_, join(root, 'var'));
    return treeManifest(root) as Record<string, string>;
  } finally {
    for (const point of [join(root, 'var'), root]) execFileSync('umount', [point]);
    rmSync(root, { recursive: true });
  }
}

test('an image built by an ordinary user has the same tree as one built by root', () => {
  ofRoot.apply();
  expect(asUser(['plan']).stdout).toContain('worker userns, ');
  const { stdout } = asUser(['apply', '--auto-approve']);
  expect(stdout).toContain('Apply complete!');
  ofUser.expectNothingLeft();
  const [root, user] = [manifestOf(ofRoot), manifestOf(ofUser)];
  expect(Object.keys(root).length).toBeGreaterThan(5000);
  expect(user).toEqual(root);
  expect(user['srv/odd/setuid']).toMatch(/^104755 0:0 /);
  expect(user['srv/odd/file']).toMatch(/^100604 60000:60001 /);
  expect(user['srv/odd/capable']).toContain('security.capability=');
  expect(user['srv/odd/with-acl']).toContain('system.posix_acl_access=');
  expect(user['srv/odd/dir-acl']).toContain('system.posix_acl_default=');
  expect(asUser(['plan']).stdout).toContain('No changes.');
});

test('what needs root says so: attached realisation, --keep-attached', () => {
  const { stderr } = asUser(['plan', '--realisation', 'attached', '--worker', 'userns'], 69);
  expect(stderr).toContain('The worker userns cannot do this: the disk file is attached as loop devices');
  expect(stderr).toContain('Leave out --worker, or use --worker vm.');
  const kept = asUser(['apply', '--auto-approve', '--keep-attached'], 69);
  expect(kept.stderr).toContain('The image is built, but attaching it needs root');
  ofUser.expectNothingLeft();
});
