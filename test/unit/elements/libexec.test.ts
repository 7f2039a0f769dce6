import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { libexecDirectory } from '../../../src/elements/locations.ts';
import { makeTree } from './fixture.ts';

const libexec = libexecDirectory();

function run(program: string, args: readonly string[], env: Record<string, string> = {}) {
  const result = spawnSync(join(libexec, program), args, { env: { PATH: process.env['PATH'] ?? '', ...env }, encoding: 'utf8' });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

describe('dib-run-hook', () => {
  const files = {
    'environment.d/9-a': 'export ORDER="${ORDER:-}9 "\n',
    'environment.d/10-b': 'export ORDER="${ORDER}10 "\n',
    'environment.d/100-c': 'export ORDER="${ORDER}100"\n',
  };

  it('sources environment files in the order given, or in numeric order', () => {
    const tree = makeTree({ ...files, hook: '#!/bin/bash\necho "$ORDER"\n' });
    const hook = [join(tree, 'environment.d'), join(tree, 'hook')];
    expect(run('dib-run-hook', hook)).toEqual({ status: 0, stdout: '9 10 100\n', stderr: '' });
    expect(run('dib-run-hook', [...hook, '9-a', '100-c'])).toMatchObject({ stdout: '9 100\n' });
    expect(run('dib-run-hook', [join(tree, 'no-environment'), join(tree, 'hook')], { ORDER: 'mine' })).toMatchObject({
      stdout: 'mine\n',
    });
  });

  it('hands on the exit status, and stops at an unset variable', () => {
    const tree = makeTree({
      'environment.d/10-x': 'export A=$NOBODY_SET_THIS\n',
      'empty/.keep': '',
      hook: '#!/bin/bash\nexit 7\n',
    });
    expect(run('dib-run-hook', [join(tree, 'empty'), join(tree, 'hook')]).status).toBe(7);
    const unset = run('dib-run-hook', [join(tree, 'environment.d'), join(tree, 'hook')]);
    expect(unset.status).not.toBe(0);
    expect(unset.stderr).toContain('NOBODY_SET_THIS: unbound variable');
    expect(run('dib-run-hook', [])).toMatchObject({ status: 64 });
  });

  it('has the functions that elements call', () => {
    const tree = makeTree({
      hook: [
        '#!/bin/bash',
        'eval declare -A elements=($(get_image_element_array))',
        'echo "${elements[a]} ${elements[b-c]}"',
        'source "$_LIB/die"',
        'die sorry',
      ].join('\n'),
    });
    const result = run('dib-run-hook', [join(tree, 'none'), join(tree, 'hook')], {
      IMAGE_ELEMENT_YAML: '{"a": "/x/a", "b-c": "/x/b-c"}',
    });
    expect(result).toMatchObject({ status: 1, stdout: '/x/a /x/b-c\n' });
  });

  it('puts the sudo stand-in on the PATH of hooks on the builder only', () => {
    const tree = makeTree({ hook: '#!/bin/bash\necho "$PATH"\n', 'e/.keep': '' });
    const args = [join(tree, 'e'), join(tree, 'hook'), '.keep'];
    expect(run('dib-run-hook', args, { TARGET_ROOT: '/x' }).stdout).toMatch(new RegExp(`^${libexec}/shims:`));
    expect(run('dib-run-hook', args).stdout).toBe(
      `${libexec}/guest:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n`,
    );
  });
});

describe('dib-run-parts', () => {
  const script = (...lines: string[]) => `#!/bin/bash\n${lines.join('\n')}\n`;
  // The second directory's .. is the first, where environment.d lies.
  const tree = () =>
    makeTree({
      'environment.d/10-a.bash': 'export GREETING=hello\n',
      'x.d/10-b': script('echo "$GREETING"'),
      'x.d/9-a': script('echo first', 'exit "${STATUS:-0}"'),
      'x.d/20-c.sh': script('echo never'),
    });

  it('runs what upstream runs, in its order, and tells how long each took', () => {
    const directory = join(tree(), 'x.d');
    const { status, stdout, stderr } = run('guest/dib-run-parts', [directory], { DIB_NO_TIMESTAMP: '1' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'first\nhello\n' });
    expect(stderr).toMatch(/^dib-run-parts Script +Seconds\ndib-run-parts 9-a +\d+\.\d{3}\ndib-run-parts 10-b +\d+\.\d{3}\n/m);
    expect(run('shims/dib-run-parts', ['--list', directory]).stdout).toBe(`${directory}/9-a\n${directory}/10-b\n`);
  });

  it('puts the time before each line, and ends with the first script that fails', () => {
    const { status, stdout } = run('guest/dib-run-parts', [join(tree(), 'x.d')], { STATUS: '3' });
    expect(status).toBe(3);
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \| first\n$/);
    expect(run('guest/dib-run-parts', ['/nowhere']).status).toBe(1);
  });
});

describe('sudo stand-in', () => {
  it('drops options and runs the command', () => {
    expect(run('shims/sudo', ['-E', '-n', 'A=1', 'bash', '-c', 'echo $A $0 "$@"', 'x', '-y']).stdout).toBe('1 x -y\n');
    expect(run('shims/sudo', ['-u', 'root', '--', 'echo', 'hello']).stdout).toBe('hello\n');
    expect(run('shims/sudo', ['-v']).status).toBe(0);
    expect(run('shims/sudo', ['false']).status).toBe(1);
  });
});

describe('pkg-map in the image', () => {
  const maps = () => ({ DIB_PACKAGE_MAPS: makeTree({ a: 'db\tdb1 db2\nnone\t\nssh\tsshd\n' }) });

  it.each([
    [['--element', 'a', 'ssh', 'db'], 0, 'sshd\ndb1\ndb2\n'],
    [['--element', 'a', '--distro', 'debian', '--release', 'sid', 'none', 'ssh'], 0, 'sshd\n'],
    [['--missing-ok', '--element', 'a', 'other'], 0, 'other\n'],
    [['--element', 'a', 'other', 'ssh'], 1, 'sshd\n'],
    [['--element', 'b', 'ssh'], 2, ''],
    [['ssh'], 1, ''],
  ])('%j', (args, status, stdout) => {
    expect(run('guest/pkg-map', args, maps())).toMatchObject({ status, stdout });
  });
});

describe('install-packages in the image', () => {
  it('calls apt-get with the mapped names, without recommended packages', () => {
    const tree = makeTree({ 'bin/apt-get': '#!/bin/bash\necho "$DEBIAN_FRONTEND $*"\n', 'maps/a': 'db\tdb1 db2\n' });
    const env = {
      PATH: `${join(tree, 'bin')}:${join(libexec, 'guest')}:${process.env['PATH']}`,
      DIB_PACKAGE_MAPS: join(tree, 'maps'),
    };
    const last = (args: string[]) => run('guest/install-packages', args, env).stdout.trim().split('\n').at(-1);
    expect(last(['-m', 'a', 'db', 'x'])).toMatch(
      /^noninteractive --assume-yes .*--no-install-recommends.* install -- db1 db2 x$/,
    );
    expect(last(['-m', 'nobody', 'x'])).toMatch(/ install -- x$/);
    expect(last(['-e', 'x', 'y'])).toMatch(/ remove -- x y$/);
    expect(last(['-u'])).toMatch(/ dist-upgrade$/);
    expect(run('guest/install-packages', [], env)).toMatchObject({ status: 0, stdout: '' });
    expect(run('guest/install-packages', ['-z'], env).status).toBe(64);
  });
});

describe('grub-probe and grub-mkrelpath stand-ins', () => {
  const env = {
    DIB_ROOT_LABEL: 'top',
    DIB_GRUB_FILESYSTEMS: [
      '/|root-uuid|/dev/mapper/vg-root|xfs||lvm diskfilter mdraid1x|gpt msdos',
      '/boot|boot-uuid|/dev/disk/by-uuid/boot-uuid|ext4|||gpt',
      '/boot/efi|ABCD-1234|/dev/disk/by-uuid/ABCD-1234|vfat|||gpt',
      '/srv|data-uuid|/dev/disk/by-uuid/data-uuid|btrfs|@srv||',
    ].join('\n'),
  };

  it.each([
    [['--target=device', '/'], '/dev/mapper/vg-root\n'],
    [['--target=device', '/boot'], '/dev/disk/by-uuid/boot-uuid\n'],
    [['--device', '/dev/mapper/vg-root', '--target=fs_uuid'], 'root-uuid\n'],
    [['--device', '/dev/disk/by-uuid/root-uuid', '--target=fs_label'], 'top\n'],
    [['-t', 'fs', '/boot/grub'], 'ext2\n'],
    [['-t', 'fs', '/boot/efi'], 'fat\n'],
    [['-t', 'fs', '/usr/share'], 'xfs\n'],
    [['-t', 'fs', '/bootx'], 'xfs\n'],
    [['--device', '/dev/disk/by-uuid/boot-uuid', '--target=partmap'], 'gpt\n'],
    [['-t', 'partmap', '/'], 'gpt\nmsdos\n'],
    [['--device', '/dev/disk/by-uuid/boot-uuid', '--target=abstraction'], ''],
    [['-t', 'abstraction', '/'], 'lvm\ndiskfilter\nmdraid1x\n'],
  ])('grub-probe %j', (args, stdout) => {
    expect(run('grub-probe', args, env)).toEqual({ status: 0, stdout, stderr: '' });
  });

  it('grub-probe refuses what it cannot know', () => {
    expect(run('grub-probe', ['-t', 'drive', '/'], env)).toMatchObject({ status: 1 });
    expect(run('grub-probe', ['-d', '/dev/sda1', '-t', 'fs'], env)).toMatchObject({
      status: 1,
      stderr: 'grub-probe (dib): unknown device /dev/sda1\n',
    });
    expect(run('grub-probe', ['-t', 'fs', '/'], { DIB_GRUB_FILESYSTEMS: '' })).toMatchObject({
      status: 1,
      stderr: 'grub-probe (dib): / is on no file system of the plan\n',
    });
  });

  it.each([
    ['/boot', '\n'],
    ['/boot/grub', '/grub\n'],
    ['/usr/share/x', '/usr/share/x\n'],
    ['/', '\n'],
    ['/bootx', '/bootx\n'],
    ['/srv', '/@srv\n'],
    ['/srv/x/y', '/@srv/x/y\n'],
  ])('grub-mkrelpath %s', (path, stdout) => {
    expect(run('grub-mkrelpath', [path], env)).toEqual({ status: 0, stdout, stderr: '' });
  });
});

describe('update-initramfs in the image', () => {
  it('notes what is asked for, and leaves questions to the program itself', () => {
    const noted = join(makeTree({}), 'noted');
    const env = { DIB_DEFERRED_INITRAMFS: noted };
    // trixie's kernel hook makes no initramfs unless the first word of the answer is initramfs-tools.
    run('guest/deferred/update-initramfs', ['--version'], env);
    expect(existsSync(noted)).toBe(false);
    expect(run('guest/deferred/update-initramfs', ['-c', '-k', '6.12.1', '-b', '/boot'], env).status).toBe(0);
    expect(run('guest/deferred/update-initramfs', ['-u'], env).status).toBe(0);
    expect(readFileSync(noted, 'utf8')).toBe('-c 6.12.1\n-u \n');
  });
});

describe('dracut in the image', () => {
  it('notes what the kernel’s hook asks for', () => {
    const noted = join(makeTree({}), 'noted');
    const env = { DIB_DEFERRED_INITRAMFS: noted };
    expect(run('guest/deferred/dracut', ['-q', '--force', '/boot/initrd.img-6.1.0', '6.1.0'], env).status).toBe(0);
    run('guest/deferred/dracut', ['--list-modules'], env);
    expect(readFileSync(noted, 'utf8')).toBe('dracut 6.1.0 /boot/initrd.img-6.1.0\n');
  });
});

describe('select_boot_kernel_initrd', () => {
  const files = [
    'vmlinuz-6.1-9',
    'vmlinuz-6.1-10',
    'vmlinuz-6.9-rescue',
    'vmlinuz-5.9-cloud',
    'initrd.img-6.1-10',
    'initrd.img-5.9-cloud',
  ];
  const root = () => makeTree(Object.fromEntries(files.map((name) => [`boot/${name}`, ''])));
  const select = (env: Record<string, string>) => {
    const script = join(
      makeTree({
        select: `#!/bin/bash\nset -eu\nsource ${libexec}/lib/img-functions\nselect_boot_kernel_initrd "$1"\necho "$KERNEL $RAMDISK"\n`,
      }),
      'select',
    );
    const result = spawnSync(script, [root()], { env: { PATH: process.env['PATH'] ?? '', ...env }, encoding: 'utf8' });
    return [result.status, result.stdout, result.stderr.replace(/\/\S*\/boot /, '')];
  };

  it('is the newest kernel with its initial file system, or what the patterns say', () => {
    expect(select({})).toEqual([0, 'vmlinuz-6.1-10 initrd.img-6.1-10\n', '']);
    const patterns = { DIB_BAREMETAL_KERNEL_PATTERN: 'vmlinuz-*-cloud', DIB_BAREMETAL_INITRD_PATTERN: 'initrd*-cloud' };
    expect(select(patterns)).toEqual([0, 'vmlinuz-5.9-cloud initrd.img-5.9-cloud\n', '']);
    expect(select({ ...patterns, DIB_BAREMETAL_INITRD_PATTERN: '' })).toEqual([0, 'vmlinuz-6.1-10 initrd.img-6.1-10\n', '']);
    expect(select({ ...patterns, DIB_BAREMETAL_INITRD_PATTERN: 'none*' })).toEqual([
      1,
      '',
      'select_boot_kernel_initrd: has no files for vmlinuz-*-cloud and none*\n',
    ]);
  });
});

describe('svc-map in the image', () => {
  it('prefers what is installed, then the map, then the name itself', () => {
    const tree = makeTree({
      map: 'web\tapache2\nsource-built\tdistro-name\nold\tmapped\n',
      'root/lib/systemd/system/source-built.service': '',
      'root/etc/init/old.conf': '',
    });
    const env = { DIB_SERVICE_MAP: join(tree, 'map'), DIB_SERVICE_ROOT: join(tree, 'root') };
    expect(run('guest/svc-map', ['web', 'source-built', 'old', 'other'], env)).toEqual({
      status: 0,
      stdout: 'apache2\nsource-built\nold\nother\n',
      stderr: '',
    });
    expect(run('guest/svc-map', ['web'], { DIB_SERVICE_MAP: join(tree, 'none') }).stdout).toBe('web\n');
  });
});

describe('cache-url', () => {
  const program = fileURLToPath(new URL('../../../elements/cache-url/bin/cache-url', import.meta.url));
  const cacheUrl = (args: readonly string[], curl?: string) => {
    const tree = makeTree(curl === undefined ? {} : { 'bin/curl': curl });
    const env = { PATH: `${join(tree, 'bin')}:${process.env['PATH']}` };
    return spawnSync(program, args, { env, encoding: 'utf8' });
  };
  /** A curl that notes its arguments, writes a body where it is told to, and answers with a code. */
  const answering = (code: string, body: string, log: string) =>
    [
      '#!/bin/bash',
      `printf '%s\\n' "$@" >'${log}'`,
      'while [ "$1" != --output ]; do shift; done',
      `printf %s '${body}' >"$2"`,
      `printf %s ${code}`,
    ].join('\n');

  it.each([
    ['200', 'new', 0, 'new'],
    ['200', '', 0, 'old'],
    ['304', '', 0, 'old'],
    ['213', '', 0, 'old'],
    ['404', 'no', 44, 'old'],
    ['500', 'no', 1, 'old'],
  ])('answer %s with %o', (code, body, status, content) => {
    const tree = makeTree({ file: 'old' });
    const file = join(tree, 'file');
    expect(cacheUrl(['http://e/x', file], answering(code, body, join(tree, 'log')))).toMatchObject({ status });
    expect(readFileSync(file, 'utf8')).toBe(content);
    expect(readFileSync(join(tree, 'log'), 'utf8')).toContain(`--time-cond\n${file}\n`);
    expect(readdirSync(tree).filter((name) => name.startsWith('.download'))).toEqual([]);
  });

  it('makes directories, revalidates with -f, and copies file URLs', () => {
    const tree = makeTree({ source: 'text' });
    const log = join(tree, 'log');
    const file = join(tree, 'a/b/file');
    expect(cacheUrl(['-f', 'http://e/x', file], answering('200', 'x', log)).status).toBe(0);
    const told = readFileSync(log, 'utf8');
    expect(told).toContain('Cache-Control: no-cache, must-revalidate');
    expect(told).not.toContain('--time-cond');
    expect(cacheUrl([`file://${join(tree, 'source')}`, join(tree, 'copy')])).toMatchObject({ status: 0 });
    expect(readFileSync(join(tree, 'copy'), 'utf8')).toBe('text');
    expect(cacheUrl([`file://${join(tree, 'none')}`, join(tree, 'copy')])).toMatchObject({ status: 1 });
    expect(cacheUrl(['http://e/x'])).toMatchObject({ status: 1, stderr: 'usage: cache-url [-f] URL FILE\n' });
    expect(cacheUrl(['-h'])).toMatchObject({ status: 0, stdout: 'usage: cache-url [-f] URL FILE\n' });
  });

  it('is found by hooks only where the element is', () => {
    const tree = makeTree({ 'bin/cache-url': '#!/bin/bash\necho "real $*"\n', '.dib/guest/x': '' });
    cpSync(join(libexec, 'guest/cache-url'), join(tree, '.dib/guest/cache-url'));
    const wrapped = () => spawnSync(join(tree, '.dib/guest/cache-url'), ['a', 'b'], { encoding: 'utf8' });
    expect(wrapped().stdout).toBe('real a b\n');
    rmSync(join(tree, 'bin'), { recursive: true });
    expect(wrapped()).toMatchObject({ status: 127 });
    expect(wrapped().stderr).toContain('add it to element-deps');
  });
});
