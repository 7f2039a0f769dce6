import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needRoot } from '../support/privileges.ts';
import { bundleProduct, removeProduct } from './support/bundle.ts';
import { errors, expectSuccess } from './support/checks.ts';
import type { ProductRig, Run } from './support/product.ts';
import { FULL } from './support/selection.ts';
import { applyOf, expectStackApplied, expectStackDestroyed } from './support/stack-checks.ts';
import { type Built, buildOnce, during, type Step, withRig } from './support/stack-rigs.ts';

// What a machine can do to a build of device stacks besides killing it. Each ends with a clear message; then the next apply finishes, and destroy leaves nothing.

interface Example {
  readonly name: string;
  /** A command that takes a while. */
  readonly long: Step;
  /** Of /usr/sbin, and the resource that needs it first. */
  readonly tool: readonly [name: string, address: string];
  /** Free bytes with which the disks cannot be made. */
  readonly room: number;
  /** How often the run is interrupted, in a test each. */
  readonly interrupts: readonly (1 | 2 | 3)[];
}

const MIB = 1024 * 1024;
const EXAMPLES: readonly Example[] = [
  {
    name: 'luks-lvm',
    long: { address: 'luks_header.system_crypt', command: 'cryptsetup luksFormat' },
    tool: ['mkfs.ext4', 'mkfs.mkfs_boot'],
    room: 8 * MIB,
    interrupts: [1, 2, 3],
  },
  {
    name: 'raid1',
    long: { address: 'mkfs.mkfs_system', command: 'dd if' },
    tool: ['mdadm', 'raid.system'],
    room: 8 * MIB,
    interrupts: FULL ? [1, 2, 3] : [2],
  },
];

const SAID = {
  1: /^\nInterrupt received: finishing what runs and tearing down/,
  2: /Second interrupt: killing what runs/,
  3: /Third interrupt: exiting\. `dib destroy` removes what is left\./,
};

let front = '';
beforeAll(async () => {
  needRoot();
  front = await bundleProduct();
});
afterAll(() => removeProduct(front));

function expectFailure(run: Run, code: number, ...messages: RegExp[]): void {
  const said = errors(run).join('\n');
  for (const message of messages) expect(said).toMatch(message);
  expect(said).not.toMatch(/DIB_INTERNAL|This is a bug/);
  expect(run.code).toBe(code);
}

/** A small file system of its own, for a rig that lies on it. */
async function withSmallDisk(size: string, body: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync('/var/tmp/dib-crash-disk-');
  const [file, mounted] = [join(directory, 'file'), join(directory, 'mounted')];
  mkdirSync(mounted);
  execFileSync('truncate', [`--size=${size}`, file]);
  execFileSync('mkfs.ext4', ['-q', '-m', '0', file]);
  execFileSync('mount', ['-o', 'loop', file, mounted]);
  try {
    await body(mounted);
  } finally {
    execFileSync('umount', [mounted]);
    rmSync(directory, { recursive: true });
  }
}

/** Writes zeroes to a file until `leave` bytes of its file system are free; 0: until not a block is. */
function fill(path: string, leave: number): void {
  for (const size of [MIB, 4096]) {
    const zeroes = Buffer.alloc(size);
    try {
      while (leave === 0 || free(path) >= leave + size) writeFileSync(path, zeroes, { flag: 'a' });
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
    }
  }
}

function free(path: string): number {
  const { bavail, bsize } = statfsSync(join(path, '..'));
  return bavail * bsize;
}

/** A prefix that mounts something where only the run sees it; `$0` in the script is `path`. */
function inNamespace(script: string, path: string): string[] {
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', `${script} && exec "$@"`, path];
}

async function interrupt(rig: ProductRig, built: Built, long: Step, times: number): Promise<Run> {
  // Before the teardown that the second one begins can end.
  const act = (pid: number, left = times) => {
    process.kill(pid, 'SIGINT');
    if (left > 1) setTimeout(() => act(pid, left - 1), 20);
  };
  const run = await rig.run(applyOf(built.image), { ...during(long), act });
  await rig.processesEnd();
  return run;
}

describe.each(EXAMPLES)('$name', ({ name, long, tool: [tool, address], room, interrupts }) => {
  let built: Built;
  beforeAll(async () => {
    built = await buildOnce(name, front);
  });
  afterAll(() => built?.remove());

  it('a full disk: it is named; a destroy frees it although not a block is left', async () => {
    await withSmallDisk('256M', async (parent) => {
      await withRig(
        built,
        async (rig) => {
          const ballast = join(parent, 'ballast');
          fill(ballast, room);
          expectFailure(await rig.run(applyOf(built.image)), 1, /^DIB_DISK_FULL: No space is left .*/m, new RegExp(parent));
          fill(ballast, 0);
          await expectStackDestroyed(rig, built);
          rmSync(ballast);
          await expectStackApplied(rig, built);
          await expectStackDestroyed(rig, built);
        },
        { parent },
      );
    });
  });

  it('a work directory that cannot be written to', async () => {
    await withRig(built, async (rig) => {
      const work = join(rig.root, '.dib/work');
      mkdirSync(work, { recursive: true });
      const run = await rig.run(applyOf(built.image), { prefix: inNamespace('mount -t tmpfs -o ro tmpfs "$0"', work) });
      expectFailure(run, 1, /^DIB_DISK_READ_ONLY: .*\.dib\/work/m);
      await expectStackApplied(rig, built);
      await expectStackDestroyed(rig, built);
    });
  });

  it(`${tool} is removed meanwhile`, async () => {
    const directory = mkdtempSync('/var/tmp/dib-crash-sbin-');
    try {
      cpSync('/usr/sbin', directory, { recursive: true, verbatimSymlinks: true });
      await withRig(built, async (rig) => {
        const run = await rig.run(applyOf(built.image), {
          prefix: inNamespace('mount --bind "$0" /usr/sbin', directory),
          at: ({ type }) => type === 'apply_start',
          act: () => rmSync(join(directory, tool)),
        });
        expectFailure(run, 69, new RegExp(`^DIB_EXEC_NOT_FOUND: The program \`${tool}\` is not installed\n.*${address}`, 'm'));
        await expectStackApplied(rig, built);
        await expectStackDestroyed(rig, built);
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it.each(interrupts)('SIGINT, %d times', async (times) => {
    await withRig(built, async (rig) => {
      const run = await interrupt(rig, built, long, times);
      expect([run.code, run.stderr]).toEqual([130, expect.stringMatching(SAID[times])]);
      if (times === 2) await expectStackDestroyed(rig, built);
      else await expectStackApplied(rig, built);
    });
  });

  it('a second apply at once is told of the first', async () => {
    await withRig(built, async (rig) => {
      let second: Promise<Run> | undefined;
      const act = () => {
        second = rig.start(applyOf(built.image)).ended;
      };
      expectSuccess(await rig.run(applyOf(built.image), { ...during(long), act }));
      const refused = (await second) as Run;
      expectFailure(refused, 75, /^DIB_STATE_LOCKED: The state in .* is locked/, /dib apply of \S+, process \d+, since/);
      await expectStackApplied(rig, built);
      await expectStackDestroyed(rig, built);
    });
  });
});
