import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { shellExports } from '../../../src/rootfs/hook-environment.ts';
import { lendFiles, sandboxArguments } from '../../../src/rootfs/sandbox.ts';
import { overlayReadArguments, overlayWriteArguments } from '../../../src/rootfs/snapshot.ts';
import { measureTree } from '../../../src/rootfs/usage.ts';

let root: string;
let host: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dib-tree-'));
  host = `${root}.resolv`;
  writeFileSync(host, 'nameserver 192.0.2.1\n');
  for (const path of ['etc', 'usr/sbin', 'tmp']) mkdirSync(join(root, path), { recursive: true });
});
afterEach(() => {
  rmSync(root, { recursive: true });
  rmSync(host);
});
const read = (path: string) => readFileSync(join(root, path), 'utf8');

describe('files lent to a tree', () => {
  test('are there, and gone afterwards', () => {
    const loan = lendFiles(root, host);
    expect(read('etc/resolv.conf')).toBe('nameserver 192.0.2.1\n');
    expect(read('usr/sbin/policy-rc.d')).toContain('exit 101');
    expect(lstatSync(join(root, 'usr/sbin/policy-rc.d')).mode & 0o777).toBe(0o755);
    expect(lstatSync(join(root, 'tmp/in_target.d')).isDirectory()).toBe(true);
    loan.end();
    for (const path of ['etc/resolv.conf', 'etc/resolv.conf.ORIG', 'usr/sbin/policy-rc.d', 'tmp/in_target.d']) {
      expect(existsSync(join(root, path)), path).toBe(false);
    }
  });

  test("the guest's own resolv.conf waits as .ORIG, where elements may write it", () => {
    symlinkSync('/run/systemd/resolve/stub-resolv.conf', join(root, 'etc/resolv.conf'));
    lendFiles(root, host).end();
    expect(readlinkSync(join(root, 'etc/resolv.conf'))).toBe('/run/systemd/resolve/stub-resolv.conf');
    rmSync(join(root, 'etc/resolv.conf'));
    const loan = lendFiles(root, host);
    writeFileSync(join(root, 'etc/resolv.conf.ORIG'), 'nameserver 192.0.2.53\n');
    loan.end();
    expect(read('etc/resolv.conf')).toBe('nameserver 192.0.2.53\n');
  });

  test('what a hook means to keep is kept: a link, a policy of its own', () => {
    const loan = lendFiles(root, host);
    rmSync(join(root, 'etc/resolv.conf'));
    symlinkSync('../run/resolv.conf', join(root, 'etc/resolv.conf'));
    writeFileSync(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 0\n');
    loan.end();
    expect(readlinkSync(join(root, 'etc/resolv.conf'))).toBe('../run/resolv.conf');
    expect(read('usr/sbin/policy-rc.d')).toBe('#!/bin/sh\nexit 0\n');
  });

  test('a link that leads out of the tree is not followed', () => {
    rmSync(join(root, 'tmp'), { recursive: true });
    symlinkSync('/var/tmp', join(root, 'tmp'));
    expect(() => lendFiles(root, host)).toThrow('leads out of the tree');
  });
});

test('the sandbox has namespaces of its own', () => {
  const options = { libexec: '/l', root: '/t', run: '/r', hooks: '/h', report: '/o', hostname: 'web' };
  expect(sandboxArguments(options, ['/bin/true']).join(' ')).toBe(
    'unshare --mount --propagation slave --pid --uts --ipc --fork --kill-child=KILL -- /l/dib-sandbox --root /t --run /r --report /o --hooks /h --hostname web -- /bin/true',
  );
  expect(sandboxArguments({ ...options, network: 'none' }, ['/bin/true']).join(' ')).toContain(
    '--kill-child=KILL --net -- /l/dib-without-network /l/dib-sandbox --root /t',
  );
  expect(sandboxArguments({ ...options, caches: ['/c/pip', '/c/npm'] }, ['/bin/true']).join(' ')).toContain(
    '--hooks /h --cache /c/pip --cache /c/npm --hostname web --',
  );
});

test('overlay options name the top layer first', () => {
  expect(overlayWriteArguments(['a', 'b']).join(' ')).toBe(
    'mount -t overlay -o userxattr,volatile,lowerdir=b:a,upperdir=tree,workdir=work overlay merged',
  );
  expect(overlayReadArguments(['a', 'b'], '/m').join(' ')).toBe('mount -t overlay -o ro,userxattr,lowerdir=b:a overlay /m');
});

test('variables survive any shell', () => {
  expect(shellExports({ B: "it's\n$HOME", A: '', 'no-name': 'x' })).toBe("export A=''\nexport B='it'\\''s\n$HOME'\n");
});

test('usage is counted by mount point, in blocks, hard links once', () => {
  mkdirSync(join(root, 'boot/efi'), { recursive: true });
  writeFileSync(join(root, 'boot/kernel'), 'x'.repeat(5000));
  linkSync(join(root, 'boot/kernel'), join(root, 'boot/kernel.link'));
  writeFileSync(join(root, 'boot/efi/file'), 'x');
  chmodSync(join(root, 'boot/efi/file'), 0o600);
  const usage = measureTree(root, ['/', '/boot/efi']);
  const directory = Math.ceil(lstatSync(root).size / 4096) * 4096;
  expect(usage['/boot/efi']).toEqual({ bytes: directory + 4096, inodes: 2 });
  // /, etc, usr, usr/sbin, tmp, boot, and one kernel.
  expect(usage['/']).toEqual({ bytes: 6 * directory + 8192, inodes: 7 });
});
