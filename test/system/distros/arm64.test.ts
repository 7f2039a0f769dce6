import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ordinaryUserCache } from '../../support/caches.ts';
import { asOrdinaryUser, ordinaryUserIds } from '../../support/privileges.ts';
import { Project, smallImage } from '../cli/project.ts';

/** Where EM_AARCH64 (183) stands in the header of an ELF file of little-endian order: elf(5). */
const MACHINE = 18;
const AARCH64 = 183;

let project: Project;
beforeAll(() => {
  project = new Project(
    smallImage({
      distro: { name: 'debian', release: 'bookworm', arch: 'arm64' },
      elements: ['./elements/who'],
      block_device: undefined,
      outputs: ['tar'],
    }),
    ordinaryUserCache(),
  );
  project.hook('who', 'install.d/50-who', 'uname -m >/etc/machine', 'dpkg --print-architecture >>/etc/machine');
  const { uid, gid } = ordinaryUserIds();
  execFileSync('chown', ['-R', `${uid}:${gid}`, project.directory]);
});
afterAll(() => {
  asUser(['destroy', '--auto-approve', '--outputs']);
  project.expectNothingLeft();
  rmSync(project.directory, { recursive: true });
});

const asUser = (args: readonly string[]) => project.run(args, { prefix: asOrdinaryUser(), env: { HOME: project.directory } });

function member(path: string): Buffer {
  return execFileSync('tar', ['--extract', '--to-stdout', `--file=${project.path('small.tar')}`, path]);
}

// The machine has no handlers of its own (or has them: then these are used), and an ordinary user cannot add any.
test('an ordinary user builds Debian for arm64 on another machine, hooks and all', () => {
  asUser(['apply', '--auto-approve']);
  expect(member('./etc/machine').toString()).toBe('aarch64\narm64\n');
  expect(member('./usr/bin/dpkg').readUInt16LE(MACHINE)).toBe(AARCH64);
  expect(member('./var/lib/dpkg/status').toString()).toMatch(/^Package: systemd-sysv\n(?:.+\n)*Architecture: arm64$/m);
});
