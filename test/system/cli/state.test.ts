import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project, tinyImage } from './project.ts';

let project: Project;
let state: string;
beforeAll(() => {
  project = new Project(tinyImage({ elements: ['tiny-system', './elements/tiny'], outputs: ['tar'], block_device: undefined }));
  project.hook('tiny', 'install.d/50-tiny', 'echo state > /etc/tiny');
  project.hook('tiny', 'post-install.d/50-tiny', 'echo state > /etc/tiny');
  state = project.path('.dib/state.json');
});
afterAll(() => project.remove());

test('a second apply is told who holds the lock and since when, or waits; plan works meanwhile', async () => {
  project.hook('tiny', 'install.d/60-wait', 'sleep 6');
  const first = project.start(['apply', '--auto-approve']);
  await first.until(/: install\.d\/60-wait \(/);
  const locked = project.apply([], { status: 75 });
  expect(locked.stderr).toContain(`error[DIB_STATE_LOCKED]: The state in ${project.path('.dib')} is locked`);
  expect(locked.stderr).toMatch(
    new RegExp(
      `dib apply of \\S+@\\S+, process ${first.pid}, since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ \\(\\d+ seconds?\\) holds it`,
    ),
  );
  expect(project.events(['destroy', '--auto-approve'], { status: 75 }).map((event) => event.diagnostic?.code)).toEqual([
    'DIB_STATE_LOCKED',
  ]);
  expect(project.run(['plan']).stdout).toContain('Plan: ');
  expect(project.run(['state', 'list']).stdout).toContain('layer.install (creating)');
  const waited = project.apply(['--lock-timeout', '5m']);
  expect(waited.stderr).toContain(`Waiting for the state lock, held by dib apply of`);
  expect(waited.stdout).toContain('No changes.');
  expect((await first.ended).status).toBe(0);
});

test('list, show and rm; the state before the last run is kept, closed to others', () => {
  const listed = project.run(['state', 'list']).stdout.trim().split('\n');
  expect(listed).toEqual(
    ['finalise', 'install', 'post-install', 'root']
      .map((layer) => `layer.${layer}`)
      .concat('output.tar')
      .concat(listed.filter((each) => !/^(layer|output)\./.test(each)))
      .sort(),
  );
  const shown = JSON.parse(project.run(['state', 'show', 'output.tar']).stdout) as { outputs: { path: string; sha256: string } };
  expect(shown.outputs.path).toBe(project.path('small.tar'));
  expect(shown.outputs.sha256).toBe(execFileSync('sha256sum', [project.path('small.tar')], { encoding: 'utf8' }).split(' ')[0]);
  expect(project.run(['state', 'show', 'output.zip'], { status: 1 }).stderr).toContain('The state has no resource output.zip');

  const before = readFileSync(state, 'utf8');
  expect(project.run(['state', 'rm', 'output.tar']).stderr).toContain('Forgot output.tar; what it stands for is as it was.');
  expect(existsSync(project.path('small.tar'))).toBe(true);
  expect(readFileSync(`${state}.backup`, 'utf8')).toBe(before);
  expect((statSync(`${state}.backup`).mode & 0o777).toString(8)).toBe('600');
  expect(project.planned()).toEqual(['output.tar: create']);
  project.apply();
  expect(project.run(['show']).stdout).toContain('small.tar');
});

test.each([
  ['damaged', (text: string) => text.slice(0, 500), 'DIB_STATE_CORRUPT', 'is damaged', /state\.json\.backup/],
  [
    'incomplete',
    (text: string) => text.replace('"lineage"', '"linage"'),
    'DIB_STATE_CORRUPT',
    'is damaged',
    /state\.json\.backup/,
  ],
  ['empty', () => '', 'DIB_STATE_CORRUPT', 'is damaged', /state\.json\.backup/],
  [
    'newer',
    (text: string) => text.replace('"format_version": "1.0"', '"format_version": "2.0"'),
    'DIB_STATE_NEWER',
    'has format 2.0; this dib knows 1.0',
    /Use that version of dib/,
  ],
  ['foreign', () => '{"version": 4, "terraform_version": "1.9"}', 'DIB_STATE_FOREIGN', 'is not a state of dib', /--state-dir/],
] as const)('a state that is %s is refused with a way out and left alone', (_name, spoil, code, summary, help) => {
  const good = readFileSync(state, 'utf8');
  const bad = spoil(good);
  writeFileSync(state, bad);
  for (const args of [
    ['plan'],
    ['apply', '--auto-approve'],
    ['destroy', '--auto-approve'],
    ['state', 'list'],
    ['show'],
    ['state', 'rm', 'output.tar'],
  ]) {
    const { stderr } = project.run(args, { status: 1 });
    expect(stderr).toContain(`error[${code}]`);
    expect(stderr).toContain(summary);
    expect(stderr).toMatch(help);
  }
  expect(readFileSync(state, 'utf8')).toBe(bad);
  writeFileSync(state, good);
});

test('the state of another image is refused', () => {
  writeFileSync(project.path('other.yaml'), readFileSync(project.path('image.yaml'), 'utf8').replace('small', 'other'));
  const { stderr } = project.run(['plan', 'other.yaml'], { status: 1 });
  expect(stderr).toContain(`belongs to ${project.path('image.yaml')}, not to other.yaml`);
  expect(stderr).toContain(`--state-dir ${project.path('.dib')}-other`);
});

test('^C once finishes what runs and stops, twice kills it, thrice ends at once; the next apply goes on', async () => {
  project.hook('tiny', 'install.d/60-wait', 'sleep 2', 'echo 1');
  const once = project.start(['apply', '--auto-approve']);
  await once.until(/: install\.d\/60-wait \(/);
  once.signal('SIGINT');
  const stopped = await once.ended;
  expect(stopped.output).toContain(
    'Interrupt received: finishing what runs and tearing down. Interrupt again to kill what runs.',
  );
  expect(stopped.output).not.toContain('layer.post-install: ');
  expect(stopped.output).toContain('Run dib apply again to go on from here');
  expect(stopped.output).toContain('Apply interrupted.');
  expect(stopped.status).toBe(130);
  project.expectNothingLeft();
  const done = project.planned();

  project.hook('tiny', 'install.d/60-wait', 'sleep 1000 # killed');
  const twice = project.start(['apply', '--auto-approve']);
  await twice.until(/: install\.d\/60-wait \(/);
  twice.signal('SIGINT');
  await twice.until(/Interrupt received/);
  twice.signal('SIGINT');
  const killed = await twice.ended;
  expect(killed.output).toContain('Second interrupt: killing what runs');
  expect(killed.output).toMatch(/was stopped by the interrupt/);
  expect(killed.status).toBe(130);
  project.expectNothingLeft();

  const thrice = project.start(['apply', '--auto-approve', '--json']);
  await thrice.until(/: install\.d\/60-wait \(tiny\)/);
  for (const said of [/Interrupt received/, /Second interrupt/, /Third interrupt: exiting/]) {
    thrice.signal('SIGINT');
    await thrice.until(said);
  }
  expect((await thrice.ended).status).toBe(130);
  project.run(['plan']);

  const terminated = project.start(['apply', '--auto-approve']);
  await terminated.until(/: install\.d\/60-wait \(tiny\)/);
  terminated.signal('SIGTERM');
  await terminated.until(/Interrupt received/);
  terminated.signal('SIGTERM');
  expect((await terminated.ended).status).toBe(143);
  project.expectNothingLeft();

  project.hook('tiny', 'install.d/60-wait', 'sleep 2', 'echo 1');
  expect(done.filter((each) => each.startsWith('layer.install'))).toEqual([]);
  const resumed = project.events(['apply', '--auto-approve']);
  const made = resumed.flatMap((event) =>
    event.type === 'apply_start' && event.hook?.action !== 'reuse' ? [event.hook?.resource.addr] : [],
  );
  expect(made.filter((each) => each?.startsWith('layer.'))).toEqual(['layer.post-install', 'layer.finalise']);
  project.expectNothingLeft();
});
