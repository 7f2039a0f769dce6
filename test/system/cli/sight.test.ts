import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project, smallImage } from './project.ts';

let project: Project;
const environment = { DIB_DEBIAN_KERNEL: 'none', DIB_EARLY: 'e', DIB_LATE: 'l', DIB_UNREAD: 'u', COLOUR: 'c' };

beforeAll(() => {
  project = new Project(
    smallImage({ elements: ['./elements/see'], environment, outputs: ['tar'], block_device: undefined }),
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
  project.apply();
}, 300_000);
afterAll(() => project.remove());

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
