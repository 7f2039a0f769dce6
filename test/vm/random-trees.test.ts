import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DiskLayout } from '../../src/blockdev/devices.ts';
import { printedLvmId } from '../../src/blockdev/lvm-metadata.ts';
import type { LocalLoopInputs, LuksInputs, LvsInputs, MkfsInputs, PvsInputs, VgsInputs } from '../../src/kinds/disk-inputs.ts';
import type { JsonObject } from '../../src/util/json.ts';
import { expectedTable } from '../property/tables/disk-file.ts';
import { MiniEngine } from '../system/kinds/harness.ts';
import { blkid, type Row, sorted } from './support/judgements.ts';
import { useMachine } from './support/machine.ts';
import { smallTrees, sum } from './support/small-trees.ts';

const judge = useMachine();

const SEED = 20_261_208;
const KEY = Buffer.from('the key of every container here');

const SAMPLE = fc.sample(smallTrees, { numRuns: 6, seed: SEED });

/** A made image in the machine: loop devices, opened containers, active groups. */
class Opened {
  readonly #engine: MiniEngine;
  readonly #undo: (readonly string[])[] = [];
  /** Device nodes by address. */
  readonly #nodes = new Map<string, string>();

  constructor(engine: MiniEngine) {
    this.#engine = engine;
  }

  node(address: string): string {
    const node = this.#nodes.get(address);
    if (node === undefined) throw new Error(`${address} has no device`);
    return node;
  }

  /** Opens everything, from below. */
  async open(): Promise<void> {
    const keyFile = join(judge.directory, 'key');
    writeFileSync(keyFile, KEY);
    for (const { address, kind, name, inputs } of this.#engine.resources) {
      if (kind === 'local_loop') {
        const loop = await judge.loop(this.#engine.file(name), (inputs as LocalLoopInputs).sectorSize);
        this.#undo.unshift(['losetup', '--detach', loop]);
        this.#nodes.set(address, loop);
      } else if (kind === 'partition') {
        this.#nodes.set(address, `${this.node(String(inputs['disk']))}p${inputs['number']}`);
      } else if (kind === 'luks') {
        const from = this.node(String(inputs['device']));
        await judge.run('cryptsetup', 'open', '--disable-keyring', '--key-file', keyFile, from, name);
        this.#undo.unshift(['cryptsetup', 'close', name]);
        this.#nodes.set(address, `/dev/mapper/${name}`);
      } else if (kind === 'vgs') {
        await judge.run('vgchange', '--activate', 'y', name);
        this.#undo.unshift(['vgchange', '--activate', 'n', name]);
      } else if (kind === 'lvs') {
        const { group, volume } = inputs as LvsInputs;
        this.#nodes.set(address, `/dev/${group.replace(/^vgs\./, '')}/${volume}`);
      }
    }
  }

  async close(): Promise<void> {
    for (const argv of this.#undo.splice(0)) await judge.run(...argv);
  }
}

/** Inputs of all planned resources of a kind. */
function planned<T extends JsonObject>(engine: MiniEngine, wanted: string): readonly T[] {
  return engine.resources.filter(({ kind }) => kind === wanted).map(({ inputs }) => inputs as T);
}

/** What blkid should say of each device that something stands on. */
function expectedContent(engine: MiniEngine, node: (address: string) => string): Row[] {
  const row = (device: string, TYPE: string, UUID: string, LABEL: string): Row => ({
    DEVNAME: node(device),
    TYPE,
    UUID,
    ...(LABEL !== '' && { LABEL }),
  });
  return [
    ...planned<MkfsInputs>(engine, 'mkfs').map(({ device, type, uuid, label }) => row(device, type, uuid, label)),
    ...planned<LuksInputs>(engine, 'luks').map(({ device, uuid, label }) => row(device, 'crypto_LUKS', uuid, label)),
    ...planned<PvsInputs>(engine, 'pvs').map(({ device, id }) => row(device, 'LVM2_member', printedLvmId(id), '')),
  ];
}

interface Placed {
  readonly group: VgsInputs;
  readonly placed: Exclude<VgsInputs['placed'], string | undefined>;
}

function placedGroups(engine: MiniEngine): readonly Placed[] {
  return planned<VgsInputs>(engine, 'vgs').map((group) => {
    if (typeof group.placed !== 'object') throw new Error(`${group.name} is not placed`);
    return { group, placed: group.placed };
  });
}

function pvOf(group: VgsInputs, name: string): VgsInputs['pvs'][number] {
  const found = group.pvs.find(({ address }) => address === `pvs.${name}`);
  if (found === undefined) throw new Error(`no physical volume ${name} in ${group.name}`);
  return found;
}

function expectedVolumes(engine: MiniEngine): Row[] {
  return placedGroups(engine).flatMap(({ group, placed: { lvs } }) =>
    lvs.map(({ volume, id, size }) => ({
      vg_name: group.name,
      lv_name: volume,
      lv_uuid: printedLvmId(id),
      lv_size: String(size),
      lv_active: 'active',
    })),
  );
}

/** Rows of `pvs --segments`: each run of extents that a volume has, with what it lies on. */
function expectedSegments(engine: MiniEngine, node: (address: string) => string): Row[] {
  return placedGroups(engine).flatMap(({ group, placed: { pvs, lvs } }) => {
    const count = sum(pvs.map(({ extents }) => extents));
    const ofGroup = {
      vg_name: group.name,
      vg_uuid: printedLvmId(group.id),
      vg_extent_size: String(group.extentSize),
      vg_extent_count: String(count),
      vg_free_count: String(count - sum(lvs.map(({ extents }) => extents))),
    };
    return lvs.flatMap(({ volume, segments }) =>
      segments.map(({ pv, start, count: length }) => ({
        ...ofGroup,
        ...physicalVolume(pv, { group, pvs, node }),
        lv_name: volume,
        segtype: 'linear',
        pvseg_start: String(start),
        pvseg_size: String(length),
      })),
    );
  });
}

interface PlacedVolumes extends Pick<Placed, 'group'> {
  readonly pvs: Placed['placed']['pvs'];
  readonly node: (address: string) => string;
}

function physicalVolume(name: string, { group, pvs, node }: PlacedVolumes): Row {
  const { device, id } = pvOf(group, name);
  const placed = pvs.find((pv) => pv.name === name);
  return {
    pv_name: node(device),
    pv_uuid: printedLvmId(id),
    dev_size: String(placed?.size),
    pe_start: String(placed?.start),
    pv_pe_count: String(placed?.extents),
  };
}

async function expectTables(engine: MiniEngine, node: (address: string) => string): Promise<void> {
  for (const { disk, layout } of planned<JsonObject>(engine, 'partitioning')) {
    const device = node(String(disk));
    const { partitiontable } = JSON.parse(await judge.run('sfdisk', '--json', device)) as { partitiontable: JsonObject };
    const { label, id, sectorsize, partitions } = partitiontable;
    expect({ label, id, sectorsize, partitions }).toEqual(expectedTable(layout as unknown as DiskLayout, device, 'p'));
  }
}

const SEGMENT_COLUMNS = [
  ...['vg_name', 'vg_uuid', 'vg_extent_size', 'vg_extent_count', 'vg_free_count'],
  ...['pv_name', 'pv_uuid', 'dev_size', 'pe_start', 'pv_pe_count', 'lv_name', 'segtype', 'pvseg_start', 'pvseg_size'],
];

async function expectGroups(engine: MiniEngine, node: (address: string) => string): Promise<void> {
  const volumes = await judge.report('lvs', 'vg_name,lv_name,lv_uuid,lv_size,lv_active');
  expect(sorted(volumes)).toEqual(sorted(expectedVolumes(engine)));
  const segments = await judge.report('pvs', SEGMENT_COLUMNS.join(), '--segments');
  expect(sorted(segments.filter((row) => row['lv_name'] !== ''))).toEqual(sorted(expectedSegments(engine, node)));
}

test(`the trees of seed ${SEED} have something of everything`, () => {
  const all = SAMPLE.map(({ devices }) => devices);
  expect(new Set(all.flatMap(({ tables }) => tables.map(({ label }) => label)))).toEqual(new Set(['gpt', 'mbr']));
  expect(new Set(all.flatMap(({ disks }) => disks.map(({ blockSize }) => blockSize)))).toEqual(new Set([512, 4096]));
  const types = new Set(all.flatMap(({ filesystems }) => filesystems.map(({ type }) => type)));
  expect(types).toEqual(new Set(['ext2', 'ext3', 'ext4', 'vfat', 'swap']));
  expect(all.filter(({ luks }) => luks.length > 0).length).toBeGreaterThan(1);
  expect(all.filter(({ lvs }) => lvs.length > 2).length).toBeGreaterThan(1);
});

test.each(SAMPLE)(
  `what sfdisk, blkid and LVM report of a made random tree is its plan (%#, seed ${SEED})`,
  async ({ blockDevice, devices }) => {
    const tree = mkdtempSync('/var/tmp/dib-kinds-tree-');
    mkdirSync(join(tree, 'etc'));
    writeFileSync(join(tree, 'etc/hostname'), 'host\n');
    const engine = new MiniEngine({ blockDevice, tree, keys: new Map(devices.luks.map(({ name }) => [name, KEY])) });
    const opened = new Opened(engine);
    const node = (address: string) => opened.node(address);
    try {
      await engine.apply();
      await opened.open();
      await expectTables(engine, node);
      const content = expectedContent(engine, node);
      expect(
        sorted(
          await blkid(
            judge,
            content.map(({ DEVNAME }) => DEVNAME ?? ''),
          ),
        ),
      ).toEqual(sorted(content));
      await expectGroups(engine, node);
    } finally {
      await opened.close();
      await engine.close();
      rmSync(tree, { recursive: true });
    }
  },
);
