import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtinElementsDirectory } from '../../../src/elements/locations.ts';

const PROGRAM = join(builtinElementsDirectory(), 'growvols/growvols/growvols');

/** Any device without partitions will do: all that is asked of it is answered by the programs below. */
const DISK = readdirSync('/sys/class/block').find((name) => {
  const directory = join('/sys/class/block', name);
  return !readdirSync(directory).some((each) => existsSync(join(directory, each, 'partition')));
});

const VOLUMES = `PATH="/dev/sda" TYPE="disk" LABEL="" MOUNTPOINT=""
PATH="/dev/mapper/vg-lv_root" TYPE="lvm" LABEL="img-rootfs" MOUNTPOINT="/"
PATH="/dev/mapper/vg-lv_var" TYPE="lvm" LABEL="" MOUNTPOINT="/var"
PATH="/dev/mapper/vg-lv_home" TYPE="lvm" LABEL="fs home" MOUNTPOINT="/home"
PATH="/dev/sda9" TYPE="part" LABEL="data" MOUNTPOINT="/data"`;

let programs: string;
beforeEach(() => {
  programs = mkdtempSync(join(tmpdir(), 'dib-growvols-'));
});
afterEach(() => rmSync(programs, { recursive: true, force: true }));

function program(name: string, script: string): void {
  writeFileSync(join(programs, name), `#!/bin/bash\n${script}\n`);
  chmodSync(join(programs, name), 0o755);
}

/** Runs it with --noop, on a machine with so many MiB of free space and one group, whose extents have 4 MiB. */
function grow(free: number, args: readonly string[], groups = 'vg') {
  program('blockdev', `echo $(((${free} + 3) * 1024 * 1024))`);
  program('vgs', `case "$*" in *vg_extent_size*) echo '  4194304' ;; *) printf '%s\\n' ${groups} ;; esac; [ "$1" != nothing ]`);
  program('lsblk', `cat <<'TEXT'\n${VOLUMES}\nTEXT`);
  program('sfdisk', "printf '/dev/x1 : start=2048\\n/dev/x2 : start=4096\\n'");
  const env = { PATH: `${programs}:${process.env['PATH']}` };
  const { status, stdout, stderr } = spawnSync('bash', [PROGRAM, '--noop', '--device', DISK ?? '', ...args], {
    env,
    encoding: 'utf8',
  });
  const lines = stdout.split('\n').filter((line) => line.includes('lvextend') || line.includes('growvols:'));
  return { status, stderr, stdout, lines };
}

const MIB = 1 << 20;

describe('growvols', () => {
  it('gives all of it to the root file system, unless told otherwise', () => {
    const { status, stdout } = grow(2048, []);
    expect(status).toBe(0);
    expect(stdout).toContain('+ append_partition\n');
    expect(stdout).toMatch(/\+ pvcreate --yes \/dev\/\S+3\n\+ vgextend vg \/dev\/\S+3\n/);
    expect(stdout).toMatch(/\+ lvextend --extents \+100%FREE \/dev\/mapper\/vg-lv_root \/dev\/\S+3\n/);
    expect(stdout).toContain('+ grow_filesystem /dev/mapper/vg-lv_root\n');
  });

  it('gives amounts in order, by mount point or label, and the rest to the root file system', () => {
    const { lines } = grow(2048, ['/var=50%', 'fs home=100MiB']);
    expect(lines.map((line) => line.replace(/ \/dev\/\S+3$/, ''))).toEqual([
      `+ lvextend --size +${1024 * MIB}b /dev/mapper/vg-lv_var`,
      `+ lvextend --size +${100 * MIB}b /dev/mapper/vg-lv_home`,
      '+ lvextend --extents +100%FREE /dev/mapper/vg-lv_root',
    ]);
  });

  it('gives what is left when more is asked for, in whole extents', () => {
    const { lines } = grow(2050, ['/var=1500MB', '/home=9GiB']);
    expect(lines.map((line) => line.replace(/ \/dev\/\S+3$/, ''))).toEqual([
      `growvols: only ${2048 - 1428} MiB are left for /home`,
      `+ lvextend --size +${1428 * MIB}b /dev/mapper/vg-lv_var`,
      '+ lvextend --extents +100%FREE /dev/mapper/vg-lv_home',
    ]);
  });

  it('does nothing with less than 1 GiB', () => {
    expect(grow(1023, []).lines).toEqual([`growvols: /dev/${DISK} has less than 1 GiB of free space at its end; nothing to do`]);
    expect(grow(1023, []).status).toBe(0);
    expect(grow(1023, ['--exit-on-no-grow']).status).toBe(2);
  });

  it.each([
    [['/srv=1GiB'], 'no file system on a logical volume has the label or the mount point /srv'],
    [['data=1GiB'], 'no file system on a logical volume has the label or the mount point data'],
    [['/var=much'], 'much is no amount: a number and one of % MiB GiB MB GB'],
    [['/var'], '/var has to be VOLUME=AMOUNT, such as /home=20GB'],
    [['--group'], '--group needs a value'],
    [['--volume'], 'unknown option --volume'],
  ])('refuses %j', (args, message) => {
    expect(grow(2048, args)).toMatchObject({ status: 1, stderr: `growvols: ${message}\n` });
  });

  it('asks for the group where there are several', () => {
    expect(grow(2048, [], 'vg other')).toMatchObject({
      status: 1,
      stderr: 'growvols: there are 2 volume groups; name one with --group\n',
    });
  });
});
