import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { disk, Project, rootPartition, smallImage } from './project.ts';

/** Without the first, the second still makes layers that no other test can have left in the cache. */
const ELEMENTS = ['./elements/tiny', './elements/own'];

let project: Project;
beforeAll(() => {
  project = new Project(smallImage({ elements: ELEMENTS, outputs: ['raw', 'tar'] }));
  project.hook('tiny', 'install.d/50-one', 'echo one > /etc/one');
  project.hook('own', 'install.d/60-own', 'echo own > /etc/own');
});
afterAll(() => project.remove());

/** Runs dib on a terminal (script of bsdutils) and types an answer. */
function onTerminal(args: string, answer: string): { status: number | null; output: string } {
  const command = `${process.execPath} ${new URL('../../../bin/dib.js', import.meta.url).pathname} ${args}`;
  const { status, stdout } = spawnSync('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: project.directory,
    env: project.env({ TERM: 'xterm' }),
    input: `${answer}\n`,
    encoding: 'utf8',
  });
  return { status, output: stdout.replace(/\u001b\[[0-9;?]*[A-Za-z]|\r/g, '') };
}

test('apply asks: without a terminal it refuses, and anything but yes changes nothing', () => {
  const { stderr, stdout } = project.run(['apply'], { status: 64 });
  expect(stdout).toContain('Plan: ');
  expect(stderr).toContain('error[DIB_CLI_NOT_APPROVED]: Apply needs an answer, and standard input is no terminal');
  expect(stderr).toContain('--auto-approve');
  const no = onTerminal('apply', 'no');
  expect(no.output).toContain('Do you want to perform these actions?');
  expect(no.output).toContain('Apply cancelled');
  expect(no.status).toBe(1);
  expect(existsSync(project.path('.dib/state.json'))).toBe(false);
  project.expectNothingLeft();
});

test('with yes it builds, and then there is nothing left to do', () => {
  const yes = onTerminal('apply', 'yes');
  expect(yes.output).toMatch(/Apply complete! Resources: \d+ added, 0 changed, 0 destroyed\./);
  expect(yes.status).toBe(0);
  project.expectNothingLeft();

  const raw = project.path('small.raw');
  const { size, blocks } = statSync(raw);
  expect(size).toBe(512 * 1024 ** 2);
  expect(blocks * 512).toBeLessThan(size);
  const digest = execFileSync('sha256sum', [raw], { encoding: 'utf8' }).split(' ')[0];
  expect(yes.output).toContain(`sha256 ${digest}`);
  expect(readFileSync(`${raw}.sha256`, 'utf8')).toBe(`${digest}  small.raw\n`);

  expect(project.run(['plan', '--detailed-exitcode']).stdout).toContain('No changes.');
  const before = [readFileSync(project.path('.dib/state.json'), 'utf8'), statSync(raw).mtimeMs];
  const again = project.apply([], { env: { PATH: '/nonexistent' } });
  expect(again.stdout).toContain('No changes.');
  expect(again.stderr).toBe('');
  expect([readFileSync(project.path('.dib/state.json'), 'utf8'), statSync(raw).mtimeMs]).toEqual(before);
});

test('the state and all that is beside it are closed to others', () => {
  const mode = (path: string) => (statSync(project.path(path)).mode & 0o777).toString(8);
  expect([mode('.dib'), mode('.dib/state.json'), mode('.dib/state.lock'), mode('.dib/logs')]).toEqual([
    '700',
    '600',
    '600',
    '700',
  ]);
});

test('a package, a size, an output, an element: exactly what depends on it is made', () => {
  const layers = (planned: string[]) => planned.filter((each) => each.startsWith('layer.'));
  project.change({ packages: ['hello'] });
  expect(project.reason('layer.packages')).toMatch(/hello/);
  expect(layers(project.planned())).toHaveLength(4);

  project.change({ packages: [], block_device: disk('600MiB', [rootPartition()]) });
  expect(project.reason('local_loop.image0')).toMatch(/must be replaced: size 512 ?MiB -> 600 ?MiB/);
  expect(layers(project.planned())).toEqual([]);
  expect(project.reason('output.tar')).toBe('is up to date');
  const inode = statSync(project.path('small.tar')).ino;
  project.apply();
  expect(statSync(project.path('small.raw')).size).toBe(600 * 1024 ** 2);
  expect(statSync(project.path('small.tar')).ino).toBe(inode);

  project.change({ outputs: ['raw', 'tar', 'qcow2'] });
  expect(project.planned()).toEqual(['output.qcow2: create']);
  project.apply();
  execFileSync('qemu-img', ['check', '-q', project.path('small.qcow2')]);

  project.change({ outputs: ['raw', 'qcow2'] });
  expect(project.planned()).toEqual(['output.tar: delete']);
  project.apply();
  expect([existsSync(project.path('small.tar')), existsSync(project.path('small.tar.sha256'))]).toEqual([false, false]);

  project.change({ elements: ELEMENTS.slice(1) });
  expect(project.reason('layer.install')).toMatch(/50-one/);
});

test('a renamed disk: what carried the old name goes, layers stay', () => {
  const renamed = [
    { local_loop: { name: 'other', size: '600MiB' } },
    { partitioning: { base: 'other', label: 'gpt', partitions: [rootPartition()] } },
  ];
  project.change({ elements: ELEMENTS, block_device: renamed });
  const planned = project.planned();
  expect(planned.filter((each) => each.startsWith('layer.'))).toEqual([]);
  expect(planned).toContain('local_loop.image0: delete');
  expect(planned).toContain('local_loop.other: create');
  project.apply();
  expect(project.run(['state', 'list']).stdout).not.toContain('image0');
  expect(project.run(['plan']).stdout).toContain('No changes.');
});

test('--replace makes a layer again and all that is made from it; --target limits the run', () => {
  const asked = ['--replace', 'layer.install'];
  expect(project.planned(asked)).toEqual(
    expect.arrayContaining(['layer.install: update', 'layer.post-install: update', 'output.raw: delete create']),
  );
  const started = project
    .events(['apply', '--auto-approve', '-j', '1', ...asked])
    .flatMap((event) => (event.type === 'apply_progress' ? [event['@message']] : []));
  expect(started.join('\n')).toContain('install.d/50-one (tiny)');
  expect(project.run(['plan']).stdout).toContain('No changes.');

  const missing = project.run(['plan', '--replace', 'layer.instal'], { status: 1 });
  expect(missing.stderr).toContain('--replace names layer.instal, which is not a resource of this image');
  project.hook('tiny', 'install.d/50-one', 'echo changed > /etc/one');
  const target = project.run(['plan', '--target', 'layer.install']);
  expect(target.stdout).toMatch(/Plan: 0 to add, 1 to change, 0 to destroy\./);
  expect(`${target.stdout}${target.stderr}`).toContain('--target limits this run');
  project.apply(['--target', 'layer.install']);
  expect(project.planned()).not.toContain('layer.install: update');
  expect(project.planned()).toContain('layer.finalise: update');
  project.apply();
});

test('destroy works without image.yaml, keeps outputs, is idempotent, and --outputs removes them', () => {
  expect(project.run(['destroy'], { status: 64 }).stderr).toContain('Destroy needs an answer');
  renameSync(project.path('image.yaml'), project.path('image.kept'));
  const { stdout } = project.destroy();
  expect(stdout).toContain(`These outputs are kept: ${project.path('small.qcow2')}, ${project.path('small.raw')}.`);
  expect(stdout).toMatch(/Destroy complete! Resources: \d+ destroyed\./);
  expect([existsSync(project.path('small.raw')), existsSync(project.path('.dib/work/other.raw'))]).toEqual([true, false]);
  project.expectNothingLeft();
  expect(project.destroy().stdout).toContain('small.raw');
  const last = project.destroy(['--outputs']).stdout;
  expect(last).toContain('Destroy complete! Resources: 2 destroyed.');
  expect([existsSync(project.path('small.raw')), existsSync(project.path('small.qcow2.sha256'))]).toEqual([false, false]);
  expect(project.destroy(['--outputs']).stdout).toMatch(/nothing to destroy/i);
  renameSync(project.path('image.kept'), project.path('image.yaml'));
});

test('--json: one event a line, whatever happens', () => {
  const applied = project.events(['apply', '--auto-approve']);
  expect(applied[0]?.type).toBe('version');
  expect(applied.at(-1)?.type).toBe('outputs');
  expect(applied.find((event) => event.type === 'change_summary')?.['@message']).toMatch(
    /^Plan: \d+ to add, 0 to change, 0 to destroy\.$/,
  );
  const said = (args: string[], status: number) =>
    project.events(args, { status }).flatMap((event) => event.diagnostic?.code ?? []);
  expect(said(['apply'], 0)).toEqual([]);
  expect(said(['destroy'], 64)).toEqual(['DIB_CLI_NOT_APPROVED']);
  expect(said(['apply', '--no-such-option'], 64)).toEqual(['DIB_CLI_USAGE']);
  expect(said(['apply', '-j', 'many'], 64)).toEqual(['DIB_CLI_USAGE']);
  expect(said(['apply', 'absent.yaml'], 1)).toEqual(['DIB_CONFIG_NOT_FOUND']);
  writeFileSync(project.path('bad.yaml'), 'apiVersion: dib/v1\nname: [\n');
  expect(said(['apply', 'bad.yaml', '--auto-approve'], 1).length).toBeGreaterThan(0);
  project.run(['plan', '--out', 'saved']);
  project.change({ packages: ['hello'] });
  expect(said(['apply', 'saved'], 1)).toEqual(['DIB_PLAN_STALE']);
  project.change({ packages: [] });
  const destroyed = project.events(['destroy', '--auto-approve', '--outputs']);
  expect(destroyed.at(-1)?.['@message']).toMatch(/^Destroy complete! Resources: \d+ destroyed\.$/);
  project.expectNothingLeft();
});

test('a saved plan is closed, applied as it is, and refused when anything that it is bound to changed', () => {
  const saved = project.path('plan.json');
  project.hook('tiny', 'install.d/50-one', 'echo second > /etc/one');
  project.run(['plan', '--out', saved]);
  expect((statSync(saved).mode & 0o777).toString(8)).toBe('600');
  expect(project.run(['show', saved]).stdout).toMatch(/Plan: \d+ to add/);
  project.change({ packages: ['hello'] });
  expect(project.run(['apply', saved], { status: 1 }).stderr).toContain(
    'is stale: the configuration and the elements changed since it was made',
  );
  project.change({ packages: [] });
  project.hook('tiny', 'install.d/50-one', 'echo third > /etc/one');
  expect(project.run(['apply', saved], { status: 1 }).stderr).toContain('is stale: the elements changed since it was made');

  project.run(['plan', '--out', saved]);
  expect(project.run(['apply', saved, '--replace', 'layer.install'], { status: 64 }).stderr).toContain(
    '--replace cannot be given with a saved plan',
  );
  expect(project.run(['apply', saved]).stdout).toContain('Apply complete!');
  expect(project.run(['apply', saved], { status: 1 }).stderr).toContain(
    'is stale: the serial of the state changed since it was made',
  );
  project.run(['plan', '--out', saved]);
  project.run(['state', 'rm', 'output.raw']);
  expect(project.run(['apply', saved], { status: 1 }).stderr).toContain(
    'is stale: the serial of the state changed since it was made',
  );

  const text = readFileSync(saved, 'utf8');
  writeFileSync(saved, text.replace('"12 ', '"13 ').replace('small', 'large'));
  expect(project.run(['apply', saved], { status: 1 }).stderr).toContain('cannot be used: its content does not match its digest');
  writeFileSync(saved, text.slice(0, 1000));
  expect(project.run(['apply', saved], { status: 1 }).stderr).toContain('cannot be used: it is not complete JSON');
  rmSync(saved);
});

test('a plan of another state, made for the same image, is refused', () => {
  const saved = project.path('plan.json');
  project.run(['plan', '--out', saved]);
  renameSync(project.path('.dib/state.json'), project.path('.dib/mine.json'));
  const text = readFileSync(project.path('.dib/mine.json'), 'utf8');
  writeFileSync(project.path('.dib/state.json'), text.replace(/"lineage": "[0-9a-f]{8}/, '"lineage": "00000000'));
  expect(project.run(['apply', saved], { status: 1 }).stderr).toContain(
    'is stale: the lineage of the state changed since it was made',
  );
  renameSync(project.path('.dib/mine.json'), project.path('.dib/state.json'));
});
