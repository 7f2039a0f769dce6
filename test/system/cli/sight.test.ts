import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project, smallImage } from './project.ts';

let project: Project;
const environment = { DIB_DEBIAN_KERNEL: 'none', DIB_EARLY: 'e', DIB_LATE: 'l', DIB_UNREAD: 'u', COLOUR: 'c', PORT: '' };

/** Tries to connect to a server of this test on the builder. */
const connect = (to: string) => `if (exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>${to}; then echo connected >${to}; fi`;
const server = createServer();

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  environment.PORT = String((server.address() as AddressInfo).port);
  project = new Project(
    smallImage({ elements: ['./elements/see', './elements/closed'], environment, outputs: ['tar'], block_device: undefined }),
  );
  // Without the name that tells dib that all is read.
  const dump = `cat /proc/self/envi""ron | tr '\\0' '\\n'`;
  project.hook('see', 'environment.d/10-see', 'export DIB_LATE=${DIB_LATE:-default}');
  project.hook('see', 'pre-install.d/50-see', 'echo "$DIB_EARLY" >/srv/early', `${dump} >/srv/pre-install`);
  project.hook('see', 'install.d/50-see', `${dump} >/srv/install`, 'find /tmp/in_tar""get.d -type f >/srv/tree');
  project.hook('see', 'post-install.d/50-see', 'env >/srv/post-install', ': "$DIB_LATE"');
  project.hook('see', 'finalise.d/50-see', 'cat "$(dirname "$0")/data/late" >/srv/late');
  mkdirSync(project.path('elements/see/finalise.d/data'));
  writeFileSync(project.path('elements/see/finalise.d/data/late'), 'late\n');
  project.hook('see', 'install.d/60-see', connect('/srv/see'));
  project.hook('closed', 'install.d/60-closed', connect('/srv/closed-install'));
  project.hook('closed', 'post-install.d/60-closed', connect('/srv/closed-post-install'));
  project.hook('closed', 'pre-finalise.d/60-closed', connect('$TARGET_ROOT/srv/closed-builder'));
  writeFileSync(project.path('elements/closed/element.yaml'), 'summary: Needs the network once.\nnetwork: [post-install.d]\n');
  project.apply();
}, 300_000);
afterAll(() => {
  server.close();
  project.remove();
});

function read(path: string): string {
  return execFileSync('tar', ['--extract', '--to-stdout', '--file', project.path('small.tar'), `.${path}`], { encoding: 'utf8' });
}

function variables(path: string): Record<string, string> {
  const lines = read(path)
    .split('\n')
    .map((line) => line.split('='));
  return Object.fromEntries(lines.map(([name = '', value = '']) => [name, value]));
}

test('a hook does not see a variable that nothing names up to its layer; one that reads the environment as a whole sees everything', () => {
  expect(read('/srv/early')).toBe('e\n');
  for (const layer of ['pre-install', 'install']) {
    // The default of environment.d: nobody there reads it.
    expect(variables(`/srv/${layer}`)).toMatchObject({ DIB_EARLY: 'e', DIB_UNREAD: 'u', COLOUR: 'c', DIB_LATE: 'default' });
  }
  expect(variables('/srv/post-install')).toMatchObject(environment);
  const tree = read('/srv/tree');
  expect(tree).toContain('/install.d/50-see\n');
  expect(tree).not.toContain('/finalise.d/');
  expect(read('/srv/late')).toBe('late\n');
});

test('a variable, and a file, rebuild the layers that see them and those above; --why names it', () => {
  project.change({ environment: { ...environment, DIB_LATE: 'other' } });
  const layers = () => project.planned().filter((each) => each.startsWith('layer.'));
  expect(layers()).toEqual(['layer.post-install: update', 'layer.finalise: update']);
  expect(project.run(['plan', '--why', 'layer.post-install']).stdout).toContain('environment.DIB_LATE l -> other');
  project.change({ environment });
  expect(layers()).toEqual([]);
  writeFileSync(project.path('elements/see/finalise.d/data/late'), 'later\n');
  expect(layers()).toEqual(['layer.finalise: update']);
  expect(project.reason('layer.finalise')).toContain('finalise.d of its elements has other content');
});

test('hooks of phases that element.yaml does not name have the loopback interface alone, and the plan says so', () => {
  expect(read('/srv/see')).toBe('connected\n');
  expect(read('/srv/closed-post-install')).toBe('connected\n');
  // Refused, not unreachable: the interface is up, and nobody listens there.
  for (const file of ['/srv/closed-install', '/srv/closed-builder']) expect(read(file)).toContain('Connection refused');
  const shown = project.run(['elements', 'show', './elements/closed']).stdout;
  expect(shown).toMatch(/network +post-install\.d; its other hooks run without/);
});

test('a hook that fails without network: where that is said, and how to mend it', () => {
  project.hook('closed', 'install.d/60-closed', 'exec 3<>/dev/tcp/127.0.0.1/$PORT');
  expect(project.changes().find(({ address }) => address === 'layer.install')?.commands).toContainEqual({
    argv: ['unshare', '--net', 'install.d/60-closed'],
  });
  const { stderr } = project.apply([], { status: 1 });
  const file = project.path('elements/closed/element.yaml');
  expect(stderr).toContain('The hook install.d/60-closed of element closed failed with exit status 1');
  expect(stderr).toContain(`It ran without network, as ${file} does not name install.d under network.`);
  expect(stderr).toContain(`If it needs the network, add install.d to network in ${file}. Else: Mend `);
});
