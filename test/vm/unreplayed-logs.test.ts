import { afterEach, expect, test } from 'vitest';
import type { Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import type { RecordedResource } from '../../src/kinds/kind.ts';
import { mount } from '../../src/kinds/mount.ts';
import { useMachine } from './support/machine.ts';
import { StackEngine } from './support/stack-engine.ts';

const judge = useMachine();
let made: StackEngine | undefined;

afterEach(async () => {
  await made?.destroy();
  expect(await judge.run('losetup', '--list', '--noheadings')).toBe('');
});

const WRITE = 'mount -t "$0" "$1" /run/mounted && echo "$2" >/run/mounted/"$2" && sync /run/mounted/"$2"';

/** Mounts the disk for writing and unmounts it; `meanwhile`: once something is written. */
async function written(type: string, device: string, name: string, meanwhile: () => Promise<unknown>): Promise<void> {
  await judge.run('sh', '-c', WRITE, type, device, name);
  await meanwhile();
  await judge.run('umount', '/run/mounted');
}

test.each(['ext4', 'xfs', 'btrfs'])(
  '%s whose log is to be replayed: shown for looking, with a warning, and not a byte changes',
  async (type) => {
    const tree = [{ local_loop: { name: 'disk0', size: '320MiB' } }, { mkfs: { name: 'fs', base: 'disk0', type } }];
    const engine = new StackEngine(judge.machine(), judge.directory, tree, { realisation: 'attached' });
    made = engine;
    await engine.apply();
    const file = `${engine.paths.work}/disk0.raw`;
    const cut = `${judge.directory}/power-cut.raw`;
    const device = await engine.attachWithBelow('local_loop.disk0');
    await judge.run('mkdir', '--parents', '/run/mounted');
    await written(type, device, 'old', async () => {});
    await written(type, device, 'new', () => judge.run('cp', '--sparse=always', file, cut));
    await engine.detachAll();
    await judge.run('cp', cut, file);
    await judge.run('sync');
    const before = await judge.run('sha256sum', file);

    await engine.attachWithBelow('local_loop.disk0', true);
    const warnings: Diagnostic[] = [];
    const context = {
      ...engine.context('local_loop.disk0'),
      address: 'mount.fs',
      warn: (said: Diagnostic) => void warnings.push(said),
    };
    const inputs = { device: 'local_loop.disk0', type, mountPoint: '/', options: [] };
    const record: RecordedResource = {
      ...engine.record('local_loop.disk0'),
      address: 'mount.fs',
      kind: 'mount',
      name: 'fs',
      inputs,
    };
    const attached = await mount.attach?.(record, context);
    expect(warnings).toMatchObject([{ code: 'DIB_MOUNT_LOG', address: 'mount.fs' }]);
    expect(await judge.run('cat', `${attached?.['target']}/old`)).toBe('old');
    await mount.detach?.({ ...record, attachment: { status: 'attached', bootId: '', outputs: attached ?? {} } }, context);
    await engine.detachAll();
    await judge.run('sync');
    expect(await judge.run('sha256sum', file)).toBe(before);
  },
);
