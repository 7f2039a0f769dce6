// Benchmarks: dib against bare mmdebstrap and diskimage-builder, in one run on one machine. Writes docs/benchmarks.md.
//
//   npm run bench                        everything, as root: about an hour
//   npm run bench -- --only start        what needs no build: node, validate, plan (prints, writes nothing)
//   npm run bench -- --only stacks       LVM and LUKS against a plain partition (prints, writes nothing)
//   npm run bench -- --only elements     ten elements against diskimage-builder (prints, writes nothing): a quarter of an hour
//   npm run bench -- --runs 1            fewer repetitions of the long ones (default 3)
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { main, missingTools, ROOT, SetupError, say, TOP } from '../scripts/host.mjs';
import { median, seconds, timed } from './measure.mjs';
import { stackRows } from './stacks.mjs';
import { mmdebstrap, packagesOf, prepareDib, prepareDiskImageCreate } from './subjects.mjs';
import { tenElementRows } from './ten-elements.mjs';

const SHORT_RUNS = 20;

/** What the peer does is to build these two elements, without a partition table or a boot loader. */
const SAME_JOB = { name: 'same-job', elements: ['debian-minimal', 'openssh-server'], block_device: undefined, environment: {} };

await main(() => {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      runs: { type: 'string', default: '3' },
      keep: { type: 'boolean' },
      cache: { type: 'string' },
    },
  });
  const work = mkdtempSync('/var/tmp/dib-bench-');
  try {
    const runs = Number(values.runs);
    const only = { stacks: () => stackRows(work, runs, values.cache), elements: () => tenElementRows(work) };
    const rows = (only[values.only] ?? (() => startRows(work)))();
    if (values.only === undefined) {
      requireRootAndPeers();
      rows.push(...buildRows(work, runs), ...tenElementRows(work), ...stackRows(work, runs, values.cache));
      writeFileSync(join(TOP, 'docs/benchmarks.md'), document(rows, runs));
      say('\ndocs/benchmarks.md is written.');
    }
    say(`\nLoad average ${loadavg()[0]?.toFixed(1)}\n\n${table(rows)}`);
  } finally {
    if (!values.keep) rmSync(work, { recursive: true, force: true });
  }
});

function requireRootAndPeers() {
  if (!ROOT) throw new SetupError('diskimage-builder needs root: sudo npm run bench');
  const packages = [...new Set(missingTools(['build', 'bench']).map((tool) => tool.package))];
  if (packages.length > 0) throw new SetupError(`Missing: apt-get install --no-install-recommends ${packages.join(' ')}`);
}

/** Repeats, says each time, and gives the median. `before` is not timed. */
function repeat(name, runs, body, before = () => {}) {
  const times = [];
  for (let turn = 0; turn < runs; turn++) {
    before(turn);
    times.push(body());
  }
  say(`${name}: ${times.map(seconds).join(', ')}`);
  return median(times);
}

/** Commands that a user waits for at every key stroke. */
function startRows(work) {
  const dib = prepareDib(join(work, 'start'), 'quickstart');
  const [node, validate, plan] = [
    ['node -e 0', () => timed(['node', '-e', '0'])],
    ['dib validate', dib.validate],
    ['dib plan', dib.plan],
  ].map(([name, body]) => repeat(name, SHORT_RUNS, body));
  return [
    { what: 'bare `node -e 0`', value: node },
    { what: '`dib validate`', value: validate, base: node, against: 'bare node', aim: 3 },
    { what: '`dib plan`, nothing built', value: plan, base: node, against: 'bare node', aim: 3 },
  ];
}

/** Builds. Every subject starts from an empty cache, in turns, so that a slow spell of the mirror hits all of them. */
function buildRows(work, runs) {
  const dib = prepareDib(join(work, 'quickstart'), 'quickstart');
  const same = prepareDib(join(work, 'same'), 'quickstart', SAME_JOB);
  const peer = prepareDiskImageCreate(join(work, 'peer'));
  const packages = packagesOf(dib.planJson());
  const times = { dib: [], same: [], floor: [], peer: [] };
  for (let turn = 0; turn < runs; turn++) {
    dib.clear();
    same.clear();
    peer.clear();
    times.floor.push(mmdebstrap(join(work, 'floor'), packages));
    times.dib.push(dib.apply());
    times.same.push(same.apply());
    times.peer.push(peer.build());
    say(
      `run ${turn + 1}: ${Object.entries(times)
        .map(([name, list]) => `${name} ${seconds(list.at(-1))}`)
        .join(', ')}`,
    );
  }
  const full = median(times.dib);
  const [floor, sameJob, peerFull] = [median(times.floor), median(times.same), median(times.peer)];
  const peerChange = repeat('disk-image-create, install.d changed', runs, peer.build, (turn) => peer.change(`change-${turn}`));
  const change = repeat(
    'dib apply, install.d changed',
    runs,
    () => same.apply(),
    (turn) => same.change(`change-${turn}`),
  );
  const noop = repeat('dib apply, nothing changed', 5, () => dib.apply());
  const planned = repeat('dib plan, everything built', SHORT_RUNS, dib.plan);
  const resume = repeat(
    'dib apply, resumed in the last phase',
    runs,
    () => dib.apply(),
    () => {
      dib.clear();
      dib.breakLastPhase();
      dib.apply(1);
      dib.mendLastPhase();
    },
  );
  dib.clear();
  same.clear();
  return [
    { what: '`dib plan`, everything built', value: planned },
    { what: '`dib apply`, nothing changed', value: noop, aimSeconds: 1 },
    { what: 'bare mmdebstrap with the packages of quickstart, to a tar file', value: floor },
    { what: '`dib apply` quickstart, empty cache', value: full, base: floor, against: 'mmdebstrap', aim: 1.5 },
    { what: '`disk-image-create -t qcow2 debian-minimal openssh-server`, empty cache', value: peerFull },
    { what: '`dib apply` quickstart, empty cache', value: full, base: peerFull, against: 'disk-image-create', aim: 1 / 3 },
    {
      what: '`dib apply` of the same two elements, empty cache',
      value: sameJob,
      base: peerFull,
      against: 'disk-image-create',
      aim: 1 / 3,
    },
    { what: 'disk-image-create, one install.d script changed', value: peerChange },
    {
      what: '`dib apply`, one install.d script changed',
      value: change,
      base: peerChange,
      against: 'disk-image-create',
      aim: 1 / 20,
    },
    {
      what: '`dib apply` resumed after a failure in the last phase',
      value: resume,
      base: full,
      against: 'the full build',
      aim: 1 / 5,
    },
  ];
}

function table(rows) {
  const ratio = (value) => (value < 1 ? `1/${(1 / value).toFixed(1)}` : `${value.toFixed(2)} times`);
  const lines = rows.map(({ what, value, base, against, aim, aimSeconds }) => {
    if (aimSeconds !== undefined)
      return [what, seconds(value), '', `under ${aimSeconds} s`, value < aimSeconds ? 'yes' : '**no**'];
    if (base === undefined) return [what, seconds(value), '', '', ''];
    return [
      what,
      seconds(value),
      `${ratio(value / base)} of ${against}`,
      aim === undefined ? '' : `at most ${ratio(aim)}`,
      aim === undefined ? '' : value / base <= aim ? 'yes' : '**no**',
    ];
  });
  const head = ['what', 'median', 'compared', 'aim', 'met'];
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function document(rows, runs) {
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 1024 ** 3)} GiB, Node.js ${process.versions.node}`;
  return `# Benchmarks

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${machine}. All rows are from one run on one machine: medians of
${SHORT_RUNS} runs for commands that take less than a second, of ${runs} for builds, which take turns. Caches are empty where it says so; packages always
come from the mirror over the network.

${table(rows)}

What is compared with what:

- **quickstart** is \`examples/quickstart\`: besides the packages a partition table, GRUB for BIOS and UEFI, an EFI system partition, and a
  zstd-compressed qcow2. It has Debian's cloud kernel.
- **disk-image-create** is Debian's python3-diskimage-builder, run as root with its defaults (one file system, no boot loader, the generic
  kernel, a zlib-compressed qcow2).
- **the same two elements** is dib building what disk-image-create builds there, generic kernel included.
- **mmdebstrap** is the floor: nothing can be faster that installs these packages with apt and dpkg.
- **one install.d script changed**: an element of one script, in both; dib keeps the layers below it.
- **ten elements**: each tool's own elements of the same names; \`disk-image-create\` makes one file system without a boot loader, so does dib here. What
  each keeps between builds is kept: packages there, layers and packages here.
- **LVM**, **LUKS** and **LVM in LUKS**: the same system, packages and sizes, the root file system in the same partition of 1500 MiB, to a raw output.
  All of a container is encrypted, also where the file system is empty.
`;
}
