import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bench, type DriverResult, layerBench, runDriver, startDriver } from '../../support/layer-runs.ts';
import { needRoot } from '../../support/privileges.ts';

const SCRIPT = '#!/bin/bash\nset -eu\n';
const image = {
  apiVersion: 'dib/v1',
  name: 'layers-test',
  distro: { name: 'debian', release: 'bookworm', arch: 'amd64', components: ['main'], variant: 'minbase' },
  elements: ['demo'],
  elements_path: [],
  packages: ['netbase'],
  environment: { DIB_DEMO: "it's", DIB_DEMO_PASSWORD: 'hunter2-secret' },
  outputs: [],
};

let bench: Bench;
let first: DriverResult;

beforeAll(async () => {
  needRoot();
  bench = layerBench();
  bench.element('debian-minimal', { 'element-provides': 'operating-system\n' });
  bench.element('demo', {
    'environment.d/10-demo.bash': 'export DEMO_DERIVED="$DIB_DEMO here"\n',
    'extra-data.d/10-data': `${SCRIPT}mkdir -p "$TMP_HOOKS_PATH/data"\necho "$IMAGE_NAME" >"$TMP_HOOKS_PATH/data/name"\ntest -d "$TMP_MOUNT_PATH/etc"\n`,
    'pre-install.d/10-value': `${SCRIPT}echo "$DEMO_DERIVED" >/etc/demo\ntest "$DIB_DEMO_PASSWORD" = hunter2-secret\n`,
    'install.d/05-sandbox': `${SCRIPT}
test "$(id -u)" = 0
test "$(cat /proc/sys/kernel/hostname)" = layers-test
test -z "$(find /dev -type b)"
! touch /sys/dib 2>/dev/null
! touch /tmp/in_target.d/dib 2>/dev/null
echo x >/dev/null; test -c /dev/ptmx; test -d /dev/pts; echo shm >/dev/shm/x
test -s /etc/resolv.conf
/usr/sbin/policy-rc.d && exit 1 || test $? = 101
touch /run/dib-test
sleep 100000 &
`,
    'install.d/10-data': `${SCRIPT}cp /tmp/in_target.d/data/name /etc/demo-name\nrm -r /usr/share/doc/tzdata\nchown 33:44 /etc/demo\nchmod 4750 /etc/demo\n`,
    'finalise.d/10-final': `${SCRIPT}test "$DIB_ROOT_UUID" = 11111111-2222-3333-4444-555555555555\necho log >/var/log/demo.log\n`,
  });
  first = await runDriver(bench, bench.request({ image, layout, manifest: true }));
}, 300_000);

const layout = {
  rootLabel: 'root',
  rootFstype: 'ext4',
  rootUuid: '11111111-2222-3333-4444-555555555555',
  mountPoints: ['/'],
  grubFilesystems: '/|11111111-2222-3333-4444-555555555555|/dev/null|ext4|||',
};

afterAll(() => bench?.remove());

describe('layers of an image, on a real mirror', () => {
  test('are built, and hooks see the sandbox that they should', () => {
    expect(first.error, first.log).toBeUndefined();
    expect(Object.keys(first.layers)).toEqual([
      'layer.bootstrap',
      'layer.pre-install',
      'layer.packages',
      'layer.install',
      'layer.finalise',
    ]);
    expect(first.manifest?.['etc/demo']).toMatch(/^104750 33:44 /);
    expect(first.manifest?.['usr/share/doc/tzdata']).toBeUndefined();
    expect(first.manifest?.['etc/demo-name']).toBeDefined();
  });

  test('have the keys that the planner computes', () => {
    for (const [address, layer] of Object.entries(first.layers)) expect(layer.key, address).toBe(first.keys[address]);
    expect(first.layers['layer.bootstrap']?.mirrorDigest).toMatch(/^[0-9a-f]{64}$/);
  });

  test('nothing of the build is left in the image', () => {
    const paths = Object.keys(first.manifest ?? {});
    const below = (directory: string) => paths.filter((path) => path.startsWith(`${directory}/`));
    for (const directory of ['tmp', 'run', 'dev', 'proc', 'sys', 'var/lib/apt/lists', 'var/cache/apt', 'var/tmp']) {
      expect(below(directory), directory).toEqual([]);
    }
    for (const path of ['usr/sbin/policy-rc.d', 'etc/resolv.conf', 'etc/resolv.conf.ORIG']) expect(paths).not.toContain(path);
    expect(paths.filter((path) => /99mmdebstrap|dib-/.test(path))).toEqual([]);
    expect(Object.entries(first.manifest ?? {}).filter(([, what]) => what.includes('user.overlay'))).toEqual([]);
  });

  test('secrets are not logged', () => {
    expect(first.log).not.toContain('hunter2-secret');
  });

  test('an ordinary user gets the same tree: owners, modes, attributes, content', async () => {
    const request = bench.request({ image, layout, manifest: true, cache: join(bench.directory, 'cache-of-user/cache') });
    const theirs = await runDriver(bench, request, 'ordinary');
    expect(theirs.error, theirs.log).toBeUndefined();
    expect(theirs.keys).toEqual(first.keys);
    expect(theirs.manifest).toEqual(first.manifest);
    const refused = await runDriver(bench, request);
    expect(refused.error?.map((diagnostic) => diagnostic.code)).toEqual(['DIB_CACHE_MAPPING']);
  });

  test('a failing hook discards its layer alone; mended, the build goes on from there', async () => {
    const elements = ['demo', 'broken'];
    const changed = { ...image, elements };
    bench.element('broken', { 'post-install.d/50-broken': `${SCRIPT}echo half >/etc/half\necho 'no such luck' >&2\nexit 3\n` });
    const failed = await runDriver(bench, bench.request({ image: changed, layout }));
    expect(failed.error).toMatchObject([{ code: 'DIB_HOOK_FAILED', address: 'layer.post-install' }]);
    expect(failed.error?.[0]?.summary).toContain('The hook `post-install.d/50-broken` of element `broken` failed');
    expect(failed.error?.[0]?.detail).toContain('no such luck');
    expect(readdirSync(join(bench.directory, 'cache-of-root/building'))).toEqual([]);
    bench.element('broken', { 'post-install.d/50-broken': `${SCRIPT}test ! -e /etc/half\n` });
    const mended = await runDriver(bench, bench.request({ image: changed, layout, manifest: true }));
    expect(mended.error, mended.log).toBeUndefined();
    const made = mended.log.split('\n').filter((line) => line.startsWith('# '));
    expect(made).toEqual(['# post-install.d/50-broken (broken)', '# finalise.d/10-final (demo)']);
    expect(mended.manifest?.['etc/half']).toBeUndefined();
  });

  test('two builds at once share the cache: each layer is made once', async () => {
    const changed = { ...image, environment: { ...image.environment, DIB_DEMO: 'twice' } };
    const request = bench.request({ image: changed, layout });
    const [one, two] = await Promise.all([runDriver(bench, request), runDriver(bench, request)]);
    expect([one.error, two.error]).toEqual([undefined, undefined]);
    expect(one.layers).toEqual(two.layers);
    const made = [one, two].flatMap((result) => result.log.split('\n').filter((line) => line.startsWith('# ')));
    expect(made.length).toBe(new Set(made).size);
  });

  test('pruning never takes what a running build uses', async () => {
    const holder = startDriver(bench, bench.request({ image, layout, hold: true }));
    const held = await holder.result;
    expect(held.error, held.log).toBeUndefined();
    await runDriver(bench, bench.request({ prune: { maxSize: 0, all: true } }));
    const kept = readdirSync(join(bench.directory, 'cache-of-root/layers')).sort();
    expect(kept).toEqual([...(held.layers['layer.finalise']?.layers ?? [])].sort());
    holder.child.stdin?.end();
    await holder.ended;
    await runDriver(bench, bench.request({ prune: { maxSize: 0 } }));
    expect(readdirSync(join(bench.directory, 'cache-of-root/layers'))).toEqual([]);
  });
});
