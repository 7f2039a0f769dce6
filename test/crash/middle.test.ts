import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needRoot, ORDINARY_USER } from '../support/privileges.ts';
import { bundleProduct, removeProduct } from './support/bundle.ts';
import {
  APPLY,
  DESTROY,
  DISK,
  describeBuild,
  expectApplied,
  expectDestroyed,
  expectSuccess,
  type Reference,
} from './support/checks.ts';
import { debianImage, tinyImage } from './support/images.ts';
import { type Attack, killCount, type Line, ProductRig, type RigOptions } from './support/product.ts';
import { everyNth, FULL } from './support/selection.ts';

// The whole product is killed, interrupted and run beside itself in the middle of its actions; with DIB_CRASH=full at more places.

let front = '';
beforeAll(async () => {
  needRoot();
  front = await bundleProduct();
});
afterAll(() => {
  removeProduct(front);
  process.stdout.write(`${killCount()} kills in the middle of actions\n`);
});

async function withRig(options: Partial<RigOptions>, body: (rig: ProductRig) => Promise<void>): Promise<void> {
  const rig = new ProductRig({ front, image: tinyImage(), ...options });
  try {
    await body(rig);
  } finally {
    rig.cleanUp();
  }
}

/** Some milliseconds into an action. */
function inside(address: string, after: number, victim: Attack['victim'] = 'front'): Attack {
  return { at: (line) => line.type === 'apply_start' && line.hook?.resource.addr === address, after, victim };
}

const inHook = (line: Line) =>
  line.type === 'apply_progress' && line.hook?.message?.startsWith('post-install.d/10-slow') === true;

/** By turns, a killed apply is resumed to its end, or destroyed. */
async function killAndResume(
  options: Partial<RigOptions>,
  attacks: readonly Attack[],
  args: readonly string[],
  reference: Reference,
): Promise<void> {
  await withRig(options, async (rig) => {
    for (const [index, attack] of attacks.entries()) {
      await rig.run([...APPLY, ...args], attack);
      if (index % 2 === 0) await expectApplied(rig, reference, args);
      await expectDestroyed(rig, ['--outputs']);
    }
  });
}

describe('kill -9 in the middle of', () => {
  it('a hook: its layer alone is made again, with an empty cache', async () => {
    await withRig({}, async (whole) => {
      expectSuccess(await whole.run(APPLY));
      const reference = describeBuild(whole, ['tiny.qcow2', 'tiny.tar']);
      for (const victim of ['front', 'worker'] as const) {
        await withRig({}, async (rig) => {
          const run = await rig.run(APPLY, { at: inHook, after: 200, victim });
          expect(run.killed).toBe(true);
          await expectApplied(rig, reference);
        });
        await withRig({}, async (rig) => {
          await rig.run(APPLY, { at: inHook, after: 200, victim });
          await expectDestroyed(rig);
        });
      }
    });
  });

  it('file systems, copies and outputs of a Debian image, offline and attached', async () => {
    const image = debianImage();
    const sharedCache = process.env['DIB_IMAGE_CACHE'];
    await withRig({ image, sharedCache }, async (whole) => {
      expectSuccess(await whole.run(APPLY));
      const offline = describeBuild(whole, ['debian.qcow2', 'debian.tar']);
      const attacks = [inside('mkfs.mkfs_root', 500), inside('output.tar', 200), inside('output.qcow2', 300, 'worker')];
      await killAndResume({ image, sharedCache: whole.cache }, everyNth(attacks, 3), [], offline);
      const attached: Reference = { disk: offline.disk, outputs: { 'debian.tar': offline.outputs['debian.tar'] ?? '' } };
      const others = [inside('output.qcow2', 300), inside('tree.root', 300)];
      await killAndResume({ image, sharedCache: whole.cache }, everyNth(others, 3), ['--realisation', 'attached'], attached);
    });
  });

  it('a build of an ordinary user', async () => {
    await withRig({ user: ORDINARY_USER }, async (rig) => {
      expectSuccess(await rig.run(APPLY));
      const reference = describeBuild(rig, ['tiny.qcow2', 'tiny.tar']);
      await expectDestroyed(rig, ['--outputs']);
      rmSync(rig.cache, { recursive: true });
      const attacks: Attack[] = [
        { at: inHook, after: 200 },
        { write: 'after:1' },
        { write: 'before:12', victim: 'worker' },
        { write: 'after:25' },
        inside('output.tar', 20),
      ];
      for (const attack of everyNth(attacks, 3)) {
        const run = await rig.run(APPLY, attack);
        expect([attack.write, run.killed]).toEqual([attack.write, true]);
        await expectApplied(rig, reference);
        await expectDestroyed(rig, ['--outputs']);
        await rig.run(APPLY, attack);
        await expectDestroyed(rig, ['--outputs']);
      }
    });
  });
});

describe('what is left', () => {
  it('after a power cut: attachments of an earlier boot are forgotten, not looked for', async () => {
    await withRig({}, async (rig) => {
      expectSuccess(await rig.run([...APPLY, '--keep-attached']));
      const reference = describeBuild(rig, ['tiny.tar']);
      const path = join(rig.root, '.dib/state.json');
      const reboot = (name: string) => {
        copyFileSync(path, join(rig.root, '.dib', name));
        writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/"boot_id": "[^"]*"/g, '"boot_id": "an-earlier-boot"'));
      };
      // The kernel lost them; here they are taken away by hand.
      rig.detachByHand();
      reboot('before-the-cut');
      expectSuccess(await rig.run([...APPLY, '--keep-attached']));
      expect(rig.mounts()).toHaveLength(2);
      rig.detachByHand();
      reboot('before-the-second');
      rmSync(join(rig.root, 'tiny.tar'));
      await expectAppliedBeside(rig, reference);
      expectSuccess(await rig.run([...APPLY, '--keep-attached']));
      rig.detachByHand();
      reboot('before-the-third');
      rmSync(join(rig.root, 'image.yaml'));
      await expectDestroyed(rig, ['--outputs']);
    });
  });

  it('of an output that is replaced in place: the old one, or the new one, and nothing beside it', async () => {
    await withRig({}, async (rig) => {
      expectSuccess(await rig.run(APPLY));
      const old = rig.sha256('tiny.qcow2');
      const changed = tinyImage({
        outputs: [
          { format: 'qcow2', compression: 'zlib' },
          { format: 'tar', path: 'moved.tar' },
        ],
      });
      writeFileSync(join(rig.root, 'image.yaml'), changed);
      // Intent and marker, then the content known but not recorded.
      let at = 0;
      for (let killed = true; killed; ) {
        at += FULL ? 1 : 3;
        writeFileSync(join(rig.root, 'image.yaml'), changed);
        const run = await rig.run(APPLY, { write: `before:${at}`, victim: 'worker' });
        killed = run.killed;
        if (!killed) break;
        expect(rig.exists('tiny.qcow2')).toBe(true);
        // Back to what it was: an output that went elsewhere goes with the run that was killed.
        writeFileSync(join(rig.root, 'image.yaml'), tinyImage());
        expectSuccess(await rig.run(APPLY));
        expect(rig.products()).toEqual(['tiny.qcow2', 'tiny.qcow2.sha256', 'tiny.tar', 'tiny.tar.sha256']);
        expect(rig.sha256('tiny.qcow2')).toBe(old);
      }
      expect(at).toBeGreaterThan(6);
      expect(rig.products()).toEqual(['moved.tar', 'moved.tar.sha256', 'tiny.qcow2', 'tiny.qcow2.sha256']);
      writeFileSync(join(rig.root, 'image.yaml'), tinyImage());
      expect((await rig.run(APPLY, inside('output.tar', 0))).killed).toBe(true);
      await expectDestroyed(rig);
    });
  });

  it('of a loop device whose file was renamed: it is found by its inode', async () => {
    await withRig({}, async (rig) => {
      expectSuccess(await rig.run([...APPLY, '--realisation', 'attached', '--keep-attached']));
      const disk = join(rig.root, DISK);
      copyFileSync(disk, `${disk}.copy`);
      rmSync(disk);
      copyFileSync(`${disk}.copy`, disk);
      rmSync(`${disk}.copy`);
      await expectDestroyed(rig);
    });
  });
});

describe('interrupts', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 143],
  ] as const)('the third %s ends everything at once, with %i; destroy leaves nothing', async (signal, code) => {
    await withRig({}, async (rig) => {
      let sent = 0;
      const attack = { at: (line: Line) => (inHook(line) ? send() : false) };
      const send = () => {
        // Before the teardown that the second one begins can end.
        for (const wait of [0, 15, 30]) setTimeout(() => started.pid > 0 && process.kill(started.pid, signal) && sent++, wait);
        return false;
      };
      const started = rig.start(APPLY, attack);
      const run = await started.ended;
      await rig.processesEnd();
      expect([run.code, sent]).toEqual([code, 3]);
      await expectDestroyed(rig);
      expect(existsSync(join(rig.root, '.dib/state.json'))).toBe(true);
    });
  });
});

describe('at once', () => {
  it('on one image: the second is told who holds the lock, exit status 75', async () => {
    await withRig({}, async (rig) => {
      let second: Promise<{ code: number | null }> | undefined;
      const first = rig.start(APPLY, {
        at: (line) => {
          if (inHook(line)) second ??= rig.start(APPLY).ended;
          return false;
        },
      });
      expectSuccess(await first.ended);
      expect((await second)?.code).toBe(75);
      await expectDestroyed(rig);
    });
  });

  it('on two images with one cache: both finish, and attaching one leaves the other alone', async () => {
    await withRig({}, async (one) => {
      await withRig({ sharedCache: one.cache }, async (two) => {
        const runs = [one.start(APPLY), two.start([...APPLY, '--keep-attached'])];
        for (const { ended } of runs) expectSuccess(await ended);
        expect(two.sha256('tiny.tar')).toBe(one.sha256('tiny.tar'));
        // Attaching and detaching while the other builds.
        expectSuccess(await one.run([...DESTROY, '--outputs']));
        const other = one.start([...APPLY, '--replace', 'layer.post-install']);
        expectSuccess(await two.run(DESTROY));
        expectSuccess(await two.run([...APPLY, '--keep-attached']));
        expectSuccess(await other.ended);
        await expectDestroyed(two);
        await expectDestroyed(one);
      });
    });
  });
});

async function expectAppliedBeside(rig: ProductRig, reference: Reference): Promise<void> {
  expectSuccess(await rig.run(APPLY));
  expect(rig.remainders()).toEqual([]);
  expect(describeBuild(rig, ['tiny.tar'])).toEqual(reference);
}
