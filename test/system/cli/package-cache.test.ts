import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project, smallImage } from './project.ts';

/** Small, and in no other test: what they depend on is in every Debian. */
const PACKAGES = ['bc', 'dc'];

let projects: Project[];
beforeAll(() => {
  projects = ['one', 'two', 'three'].map((name) => {
    const project = new Project(
      smallImage({ name, elements: ['./elements/tiny'], packages: PACKAGES, outputs: ['tar'], block_device: undefined }),
    );
    // Of this project alone, and below the packages: none takes them from the other's layer.
    project.hook('tiny', 'pre-install.d/10-own', 'true');
    // What an element cleans away is its own image's.
    project.hook('tiny', 'install.d/50-clean', 'apt-get clean', '! ls /var/cache/apt/archives/*.deb');
    return project;
  });
});
afterAll(() => {
  for (const project of projects) project.remove();
});

function pooled(project: Project): string[] {
  return readdirSync(join(project.cache, 'packages/debian')).filter((name) => /^\.|^[bd]c_/.test(name));
}

function packagesLog(project: Project): string {
  const runs = readdirSync(project.path('.dib/logs')).sort();
  return readFileSync(project.path('.dib/logs', runs.at(-1) as string, 'layer.packages.log'), 'utf8');
}

test('two builds at once share what they download, and neither waits for a lock of apt', async () => {
  const running = projects.slice(0, 2).map((project) => project.start(['apply', '--auto-approve']));
  for (const { ended } of running) {
    const { status, output } = await ended;
    expect(status, output).toBe(0);
  }
  const [project] = projects as [Project];
  expect(pooled(project)).toEqual([expect.stringMatching(/^bc_.*\.deb$/), expect.stringMatching(/^dc_.*\.deb$/)]);
  for (const each of projects.slice(0, 2)) expect(packagesLog(each)).not.toMatch(/lock/i);
});

test('another image downloads none of them', () => {
  const [, , project] = projects as [Project, Project, Project];
  project.apply();
  expect(packagesLog(project)).toMatch(/Need to get 0 B\/.* of archives/);
  expect(pooled(project)).toHaveLength(PACKAGES.length);
  const { downloads } = JSON.parse(project.run(['cache', 'list', '--json']).stdout);
  expect(downloads.files).toBeGreaterThanOrEqual(PACKAGES.length);
  expect(downloads.size).toBeGreaterThan(50_000);
  expect(project.run(['cache', 'list']).stdout).toMatch(/\d+ layers, .*; \d+ downloads, .* in /);
});
