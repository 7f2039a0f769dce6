import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { sha256File } from '../../../src/kinds/disk-file.ts';
import { asOrdinaryUser, ORDINARY_USER } from '../../support/privileges.ts';
import { run } from './checks.ts';
import { MiniEngine, machineState } from './harness.ts';
import { multiFilesystems } from './layouts.ts';
import { makeTree } from './tree-fixture.ts';

const TOP = resolve(import.meta.dirname, '../../..');
const NAMESPACE = ['unshare', '--user', '--map-auto', '--map-root-user', '--mount', '--propagation', 'private', '--'];
let directory: string;
let compiled: string;
let tree: string;

/** Node 20 runs no TypeScript, and vitest cannot run inside another user namespace: so the driver is compiled. */
function compile(): void {
  const options = {
    rootDir: TOP,
    outDir: compiled,
    noEmit: false,
    noCheck: true,
    types: [],
    allowImportingTsExtensions: false,
    rewriteRelativeImportExtensions: true,
  };
  const config = {
    extends: join(TOP, 'tsconfig.test.json'),
    compilerOptions: options,
    files: [join(TOP, 'test/system/kinds/userns-driver.ts')],
  };
  writeFileSync(join(compiled, 'tsconfig.json'), JSON.stringify({ ...config, include: [] }));
  run(join(TOP, 'node_modules/.bin/tsc'), '-p', join(compiled, 'tsconfig.json'));
  writeFileSync(join(compiled, 'package.json'), '{"type":"module"}');
  symlinkSync(join(TOP, 'node_modules'), join(compiled, 'node_modules'));
}

beforeAll(() => {
  directory = mkdtempSync('/var/tmp/dib-kinds-userns-');
  compiled = mkdtempSync('/var/tmp/dib-kinds-compiled-');
  const { uid, gid } = { uid: Number(run('id', '-u', ORDINARY_USER)), gid: Number(run('id', '-g', ORDINARY_USER)) };
  chownSync(directory, uid, gid);
  chmodSync(compiled, 0o755);
  compile();
  tree = makeTree();
  // Device nodes need root; everything else must be equal.
  rmSync(join(tree, 'etc/null'));
  run('touch', '-d', '@1600000000', join(tree, 'etc'));
});
afterAll(() => {
  for (const each of [directory, compiled, tree]) if (each !== undefined) rmSync(each, { recursive: true, force: true });
});
afterEach(async () => expect(await machineState()).toBe(''));

it('an ordinary user gets the same bytes as root', async () => {
  const driver = [process.execPath, join(compiled, 'test/system/kinds/userns-driver.js'), join(directory, 'tree'), directory];
  const [command, ...args] = [...asOrdinaryUser(), ...NAMESPACE, ...driver] as [string, ...string[]];
  execFileSync(command, args, { cwd: directory, stdio: 'pipe' });
  expect(statSync(join(directory, 'web.qcow2')).uid).toBe(Number(run('id', '-u', ORDINARY_USER)));

  const outputs = [{ format: 'qcow2', compression: 'zstd' }, { format: 'tar' }] as const;
  const asRoot = await new MiniEngine({ blockDevice: multiFilesystems('gpt'), tree, outputs }).apply();
  try {
    const raw = join(directory, 'user.raw');
    run('qemu-img', 'convert', '-O', 'raw', join(directory, 'web.qcow2'), raw);
    expect(await sha256File(raw)).toBe(await sha256File(asRoot.file()));
    expect(await sha256File(join(directory, 'web.tar'))).toBe(await sha256File(join(asRoot.paths.image, 'web.tar')));
  } finally {
    await asRoot.close();
  }
});
