import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needRoot } from '../support/privileges.ts';
import { bundleProduct, removeProduct } from './support/bundle.ts';
import { errors } from './support/checks.ts';
import { expectOutcome, expectOutcomes, Findings, pictureCount } from './support/outcomes.ts';
import type { Place } from './support/pictures.ts';
import { type Attack, killCount, type ProductRig } from './support/product.ts';
import { FULL } from './support/selection.ts';
import { applyOf, expectStackApplied, expectStackDestroyed } from './support/stack-checks.ts';
import { IN_VM } from './support/stack-images.ts';
import { Judge } from './support/stack-judge.ts';
import { buildUndisturbed, during, type Undisturbed, withRig } from './support/stack-rigs.ts';

// The disks of examples/ that need a kernel are made in a virtual machine, and front, worker and machine are killed with SIGKILL meanwhile.
// A boot takes seconds, so one image is killed at a sample of places, one after another, until an apply finishes it; and others once, to be destroyed.
// With DIB_CRASH=full: runs are stopped before and after every write of the state and in the middle of every command, and from a copy of their directory
// an apply or a destroy goes on, by turns (support/pictures.ts: all that was attached is gone with the machine); the machine is killed at every write and
// in every command, for then the run goes on; front and worker at some of them. DIB_CRASH_AT=REGEX picks places by name.

type Victim = 'front' | 'worker' | 'vm';
/** A place with a victim. */
type Point = Pick<Place, 'name'> & { readonly attack: Attack };

const AT = new RegExp(process.env['DIB_CRASH_AT'] ?? '');
const EVERY: readonly Victim[] = ['worker', 'front'];
/** Commands that change nothing. */
const LOOKS = /^(cat|cd|cmp|dmsetup info|losetup --json|lvs|mdadm --detail|mountpoint|readlink|stat|vgs|blockdev --getsize64)/;

/** Around attaching, making, filling, detaching and the output, in the order in which a build comes to them. */
const SAMPLES: Readonly<Record<string, readonly (readonly [address: string, command: string, victim: Victim])[]>> = {
  xfs: [
    ['local_loop.image0', 'losetup --find', 'vm'],
    ['mkfs.mkfs_root', 'mkfs.xfs', 'worker'],
    ['tree.root', 'tar --extract', 'front'],
    ['tree.root', 'umount', 'vm'],
    ['local_loop.image0', 'losetup --detach', 'worker'],
    ['output.qcow2', 'qemu-img convert', 'front'],
  ],
  'btrfs-subvolumes': [
    ['mkfs.btrfs_system', 'mkfs.btrfs', 'vm'],
    ['subvolume.root', 'btrfs subvolume', 'front'],
    ['tree.root', 'tar --extract', 'worker'],
    ['tree.root', 'sync', 'vm'],
    ['partition.system', 'losetup --detach', 'front'],
    ['output.qcow2', 'qemu-img convert', 'worker'],
  ],
  raid1: [
    ['raid.system', 'mdadm --create', 'vm'],
    ['raid.system', 'mdadm --stop', 'front'],
    ['raid.system', 'mdadm --assemble', 'worker'],
    ['mkfs.mkfs_system', 'dd if', 'vm'],
    ['local_loop.disk0', 'losetup --detach', 'worker'],
    ['output.qcow2', 'qemu-img convert', 'front'],
  ],
  'lvm-thin': [
    ['pvs.pv_pv', 'pvcreate', 'worker'],
    ['vgs.system', 'vgcreate', 'vm'],
    ['lvs.pool', 'lvcreate', 'front'],
    ['lvs.root', 'lvcreate', 'worker'],
    ['mkfs.mkfs_root', 'dd if', 'vm'],
    ['vgs.system', 'vgchange', 'front'],
    ['output.qcow2', 'qemu-img convert', 'worker'],
  ],
};

let front = '';
let judge: Judge | undefined;
beforeAll(async () => {
  needRoot();
  front = await bundleProduct();
  judge = await Judge.open();
});
afterAll(async () => {
  await judge?.close();
  removeProduct(front);
  process.stdout.write(`${pictureCount()}; ${killCount()} kills of device stacks made in a virtual machine\n`);
});

/** One by one: the check of another rig would come between a step and its kill. */
function sampleOf(example: string): Point[] {
  return (SAMPLES[example] ?? []).map(([address, command, victim]) => ({
    name: `${address}: ${command}, ${victim}`,
    attack: during({ address, command }, victim),
  }));
}

/** Right before a write, with its action done, and right after it; and in the middle of commands. */
function allPlaces({ writes, steps }: Undisturbed): Place[] {
  const numbers = Array.from({ length: writes }, (_, index) => index + 1);
  const atWrites = numbers
    .flatMap((number) => [`before:${number}`, `after:${number}`])
    .map((write) => ({ name: write, attack: { write } }));
  const inside = steps
    .filter(({ address, command }) => !address.startsWith('layer.') && !LOOKS.test(command))
    .map((step) => ({
      name: `${step.address}: ${step.command}`,
      attack: during(step),
      during: `${step.address}: ${step.command}`,
    }));
  return [...atWrites, ...inside].filter(({ name }) => AT.test(name));
}

/** The machine at each place but after a write, where nothing is under way that was not before the next; the others at some. */
function allKills(places: readonly Place[]): Point[] {
  const point = ({ name, attack }: Place, victim: Victim) => ({ name: `${name}, ${victim}`, attack: { ...attack, victim } });
  return [
    ...places.filter(({ name }) => !name.startsWith('after:')).map((place) => point(place, 'vm')),
    ...places.filter((_, index) => index % 9 === 0).map((place, index) => point(place, EVERY[index % 2] as Victim)),
  ];
}

/** Kills one run. The run whose machine is killed says so if it needs it, and ends by itself. */
async function kill(rig: ProductRig, { name, attack }: Point, built: Undisturbed): Promise<void> {
  const run = await rig.run(applyOf(built.image), attack);
  if (attack.victim === 'vm' && attack.write !== undefined && !run.killed) return;
  expect([name, run.killed]).toEqual([name, true]);
  if (attack.victim !== 'vm' || attack.write !== undefined) return;
  // Outputs are made when all is detached: nothing needs the machine any more.
  const [code, message] = name.startsWith('output.') ? [0, ''] : [1, expect.stringMatching(/^DIB_VM_DIED: /)];
  expect([name, run.code, errors(run).join('\n')]).toEqual([name, code, message]);
}

describe.each(IN_VM)('while %s is made in a virtual machine', (example) => {
  let built: Undisturbed;
  beforeAll(async () => {
    built = await buildUndisturbed(example, front, judge);
  });
  afterAll(() => built?.remove());

  it('killed with SIGKILL at a sample of places, one after another', async () => {
    await withRig(built, async (rig) => {
      await kill(rig, { name: 'write 1', attack: { write: 'after:1' } }, built);
      for (const point of sampleOf(example)) await kill(rig, point, built);
      await expectStackApplied(rig, built);
      await expectStackDestroyed(rig, built);
    });
  });

  it('killed with SIGKILL once, and destroy leaves nothing', async () => {
    const points = sampleOf(example).filter((_, index) => index % 2 === 0);
    for (const point of points)
      await withRig(built, async (rig) => {
        await kill(rig, point, built);
        await expectOutcome(`a kill at ${point.name}`, 'destroyed', rig, built);
      });
  });

  if (FULL) {
    it('stopped everywhere', async () => {
      await expectOutcomes(allPlaces(built), built, 'turns', 1);
    });

    it('killed with SIGKILL everywhere', async () => {
      const findings = new Findings();
      for (const [index, point] of allKills(allPlaces(built)).entries())
        await withRig(built, async (rig) => {
          await kill(rig, point, built);
          await findings.add(`a kill at ${point.name}`, index % 2 === 0 ? 'applied' : 'destroyed', rig, built);
        });
      findings.expectNone();
    });
  }
});
