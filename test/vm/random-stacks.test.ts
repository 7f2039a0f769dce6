import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import type { DiskLayout } from '../../src/blockdev/devices.ts';
import { printedLvmId } from '../../src/blockdev/lvm-metadata.ts';
import type {
  LuksInputs,
  LvsInputs,
  MkfsInputs,
  PvsInputs,
  RaidInputs,
  SubvolumeInputs,
  VgsInputs,
} from '../../src/kinds/disk-inputs.ts';
import { uuidDigits } from '../../src/kinds/mdadm-commands.ts';
import type { VgsOutputs } from '../../src/kinds/vgs.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { expectedTable } from '../property/tables/disk-file.ts';
import { attachedTrees } from './support/attached-trees.ts';
import { blkid, type Row, sorted } from './support/judgements.ts';
import { useMachine } from './support/machine.ts';
import { StackEngine } from './support/stack-engine.ts';

// Arrays, thin pools, xfs and btrfs on whatever a random tree puts them on, made by the kernel of the machine. Those without are in random-trees.
// More of them: DIB_TEST_SEED=7 DIB_TEST_RUNS=50 npx vitest run --project vm random-stacks -t 'is its plan'

const judge = useMachine();

/** Of small trees that have something of everything between them. */
const SEEDS = [144, 154];

const FIRST = process.env['DIB_TEST_SEED'];
const RUNS = Number(process.env['DIB_TEST_RUNS'] ?? SEEDS.length);

const SAMPLE = (FIRST === undefined ? SEEDS : Array.from({ length: RUNS }, (_, index) => Number(FIRST) + index)).flatMap((seed) =>
  fc.sample(attachedTrees, { numRuns: 1, seed }).map((tree) => ({ seed, ...tree })),
);

let made: StackEngine | undefined;
afterEach(async () => {
  await made?.destroy();
  made = undefined;
  expect(await judge.run('dmsetup', 'ls')).toBe('No devices found');
  expect(await judge.run('cat', '/proc/mdstat')).not.toMatch(/^md/m);
  expect(await judge.run('losetup', '--list', '--noheadings')).toBe('');
});

interface Planned<T> {
  readonly address: string;
  readonly inputs: T;
}

/** All planned resources of a kind. */
function planned<T extends JsonObject>(engine: StackEngine, wanted: string): readonly Planned<T>[] {
  return engine.resources.filter(({ kind }) => kind === wanted).map(({ address, inputs }) => ({ address, inputs: inputs as T }));
}

/** What blkid should say of each device that something stands on. */
function expectedContent(engine: StackEngine): Row[] {
  const row = (device: string, TYPE: string, UUID: string, LABEL = ''): Row => ({
    DEVNAME: engine.device(device),
    TYPE,
    UUID,
    ...(LABEL !== '' && { LABEL }),
  });
  const inputs = <T extends JsonObject>(kind: string) => planned<T>(engine, kind).map((each) => each.inputs);
  return [
    ...inputs<MkfsInputs>('mkfs').map(({ device, type, uuid, label }) => row(device, type, uuid, label)),
    ...inputs<LuksInputs>('luks').map(({ device, uuid, label }) => row(device, 'crypto_LUKS', uuid, label)),
    ...inputs<PvsInputs>('pvs').map(({ device, id }) => row(device, 'LVM2_member', printedLvmId(id))),
    ...inputs<RaidInputs>('raid').flatMap(({ members, uuid, name }) =>
      members.map((member) => row(member, 'linux_raid_member', uuid, `any:${name}`)),
    ),
  ];
}

async function expectTables(engine: StackEngine): Promise<void> {
  for (const { inputs } of planned<JsonObject>(engine, 'partitioning')) {
    const device = engine.device(String(inputs['disk']));
    const { partitiontable } = JSON.parse(await judge.run('sfdisk', '--json', device)) as { partitiontable: JsonObject };
    const { label, id, sectorsize, partitions } = partitiontable;
    const wanted = expectedTable(inputs['layout'] as unknown as DiskLayout, device, 'p');
    expect({ label, id, sectorsize, partitions }).toEqual(wanted);
  }
}

/** mdadm(8): of a running array its shape, of each member its place in it. */
async function expectArrays(engine: StackEngine): Promise<void> {
  for (const { address, inputs } of planned<RaidInputs>(engine, 'raid')) {
    const device = engine.device(address);
    const detail = exported(await judge.run('mdadm', '--detail', '--export', device));
    expect(detail).toMatchObject({
      MD_LEVEL: `raid${inputs.level}`,
      MD_DEVICES: String(inputs.members.length),
      MD_METADATA: inputs.metadata,
      MD_NAME: `any:${inputs.name}`,
    });
    expect(uuidDigits(detail['MD_UUID'] ?? '')).toBe(uuidDigits(inputs.uuid));
    expect(await judge.run('blockdev', '--getsize64', device)).toBe(String(inputs.size));
    if (inputs.level !== 1) expect(await judge.run('mdadm', '--detail', device)).toContain(`Chunk Size : ${inputs.chunk}K`);
    for (const [index, member] of inputs.members.entries()) {
      const examined = await judge.run('mdadm', '--examine', engine.device(member));
      expect(examined).toMatch(new RegExp(`Device Role : Active device ${index}$`, 'm'));
      if (inputs.metadata === '1.2')
        expect(examined).toMatch(new RegExp(`Data Offset : ${Number(inputs.dataOffset) / 512} sectors`));
    }
  }
}

function exported(text: string): Record<string, string> {
  return Object.fromEntries(text.split('\n').map((line) => line.split(/=(.*)/s) as [string, string]));
}

/** lvmreport(7): all volumes of all groups, with the size and the chunks of pools and what thin ones lie in. */
async function expectVolumes(engine: StackEngine): Promise<void> {
  const groups = new Map(planned<VgsInputs>(engine, 'vgs').map((group) => [group.address, group]));
  const expected = planned<LvsInputs>(engine, 'lvs').map(({ inputs }): Row => {
    const { group, volume, type, size, pool, metadata } = inputs;
    const { extentSize, name } = (groups.get(group) as Planned<VgsInputs>).inputs;
    return {
      vg_name: name,
      lv_name: volume,
      lv_size: String(size),
      segtype: type,
      pool_lv: pool?.replace(/^lvs\./, '') ?? '',
      lv_metadata_size: metadata === undefined ? '' : String(metadata.extents * extentSize),
      chunk_size: type === 'thin-pool' ? String(metadata?.chunk) : '0',
    };
  });
  const columns = 'vg_name,lv_name,lv_size,segtype,pool_lv,lv_metadata_size,chunk_size';
  const found = await judge.report('lvs', columns, '--segments');
  // A volume over several physical volumes has a row for each part; all say the same of the whole.
  const rows = [...new Map(found.map((row) => [`${row['vg_name']}/${row['lv_name']}`, row])).values()];
  expect(sorted(rows)).toEqual(sorted(expected));
  for (const { address, inputs } of groups.values()) {
    const [row] = await judge.report('vgs', 'vg_uuid,vg_extent_size,pv_count', inputs.name);
    const { id } = engine.record(address).outputs as VgsOutputs;
    const wanted = { vg_uuid: printedLvmId(id), vg_extent_size: String(inputs.extentSize), pv_count: String(inputs.pvs.length) };
    expect(row).toEqual(wanted);
  }
}

async function expectSubvolumes(engine: StackEngine): Promise<void> {
  const all = planned<SubvolumeInputs>(engine, 'subvolume').map(({ inputs }) => inputs);
  for (const device of new Set(all.map((each) => each.device))) {
    await judge.run('mkdir', '--parents', '/run/top');
    await judge.run('mount', '-o', 'ro,subvolid=5', engine.device(device), '/run/top');
    const listed = await judge.run('btrfs', 'subvolume', 'list', '/run/top');
    await judge.run('umount', '/run/top');
    const paths = listed.split('\n').map((line) => line.replace(/^.* path /, ''));
    expect(paths.toSorted()).toEqual(
      all
        .filter((each) => each.device === device)
        .map(({ path }) => path.replace(/^\//, ''))
        .toSorted(),
    );
  }
}

test('the trees have something of everything', () => {
  const all = SAMPLE.map(({ devices }) => devices);
  expect(all.some(({ raids }) => raids.length > 0)).toBe(true);
  expect(all.some(({ luks, raids }) => luks.some(({ base }) => raids.some(({ name }) => name === base)))).toBe(true);
  expect(all.some(({ lvs }) => lvs.some(({ type }) => type === 'thin'))).toBe(true);
  expect(all.some(({ subvolumes }) => subvolumes.length > 0)).toBe(true);
});

test.each(SAMPLE)(
  'what sfdisk, mdadm, LVM, btrfs and blkid report of a made random tree is its plan (seed $seed)',
  async ({ blockDevice, devices }) => {
    const keys = Object.fromEntries(devices.luks.map(({ name }) => [name, 'the key of every container here']));
    made = new StackEngine(judge.machine(), judge.directory, blockDevice, { realisation: 'attached', keys });
    await made.apply();
    for (const { address, kind } of made.resources) {
      if (!['tree', 'mount'].includes(kind)) await made.attach(address);
    }
    const content = expectedContent(made);
    expect(
      sorted(
        await blkid(
          judge,
          content.map(({ DEVNAME }) => DEVNAME ?? ''),
        ),
      ),
    ).toEqual(sorted(content));
    await expectTables(made);
    await expectArrays(made);
    await expectVolumes(made);
    await expectSubvolumes(made);
  },
);
