// What a stack of devices costs: the same system on a plain partition, on LVM, in LUKS, and on LVM in LUKS. The layers are in the cache: what is timed
// is the making of the disk and of its raw output.
import { join } from 'node:path';
import { say } from '../scripts/host.mjs';
import { median, seconds } from './measure.mjs';
import { prepareDib } from './subjects.mjs';

const MOUNT = { mount_point: '/', fstab: {} };
const ROOT = { type: 'ext4', mount: MOUNT };
const KEY = { env: 'BENCH_KEY' };

/** What the root partition holds, and what stands beside it. */
const STACKS = {
  plain: [{ mkfs: ROOT }],
  LVM: [{ lvm_pv: { vg: 'volumes' } }, volumes()],
  LUKS: [{ luks: { name: 'crypt', key: KEY, mkfs: ROOT } }],
  'LVM in LUKS': [{ luks: { name: 'crypt', key: KEY, lvm_pv: { vg: 'volumes' } } }, volumes()],
};

/** Programs that one of the stacks needs: all have them, for the same content. */
const PACKAGES = ['cryptsetup-initramfs', 'lvm2'];

function volumes() {
  return { lvm: { vgs: [{ name: 'volumes' }], lvs: [{ name: 'root', base: 'volumes', extents: '100%FREE', mkfs: ROOT }] } };
}

function blockDevice([held, ...beside]) {
  const partitions = [
    { name: 'ESP', type: 'EF00', size: '64MiB', mkfs: { type: 'vfat', mount: { mount_point: '/boot/efi', fstab: {} } } },
    { name: 'boot', size: '256MiB', mkfs: { type: 'ext4', mount: { mount_point: '/boot', fstab: {} } } },
    { name: 'system', size: '1500MiB', ...held },
  ];
  return [{ local_loop: { name: 'image0', size: '2GiB', partitioning: { label: 'gpt', partitions } } }, ...beside];
}

/** Rows of the table. The stacks take turns, so that a slow spell of the machine hits all of them. `cache`: directory for the layers. */
export function stackRows(work, runs, cache = join(work, 'cache')) {
  process.env.BENCH_KEY = 'the key of the benchmark';
  const subjects = Object.entries(STACKS).map(([name, stack]) => {
    const changes = { block_device: blockDevice(stack), packages: PACKAGES, outputs: ['raw'] };
    const dib = prepareDib(join(work, name.replaceAll(' ', '-')), 'luks-lvm', changes, cache);
    dib.apply();
    return { name, dib, times: [] };
  });
  for (let turn = 0; turn < runs; turn++) {
    for (const { dib, times } of subjects) {
      dib.destroy();
      times.push(dib.apply());
    }
    say(`run ${turn + 1}: ${subjects.map(({ name, times }) => `${name} ${seconds(times.at(-1))}`).join(', ')}`);
  }
  const [plain, ...stacks] = subjects.map(({ name, times }) => ({
    what: `\`dib apply\` of a 2 GiB disk, layers cached: ${name} (fastest ${seconds(Math.min(...times))})`,
    value: median(times),
  }));
  for (const { dib } of subjects) dib.destroy();
  return [plain, ...stacks.map((row) => ({ ...row, base: plain.value, against: 'plain' }))];
}
