import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OUTSIDE_PHASES, PHASES, type Phase } from '../../../src/elements/element.ts';
import { Project, smallImage } from './project.ts';

/** What diskimage-builder's contract promises to every hook, and what dib adds. */
const EVERYWHERE = [
  ...['ARCH', 'DISTRO_NAME', 'DIB_RELEASE', 'IMAGE_NAME', 'IMAGE_TYPE', 'FS_TYPE', 'IMAGE_ELEMENT', 'IMAGE_ELEMENT_YAML'],
  ...['ELEMENTS_PATH', 'DIB_ARGS', 'DIB_ENV', 'DIB_IMAGE_CACHE', 'DIB_LOCKFILES', 'DIB_OFFLINE', 'DIB_CHECKSUM', 'DIB_NO_TMPFS'],
  ...['DIB_MIN_TMPFS', 'DIB_DEBUG_TRACE', 'DIB_DEFAULT_INSTALLTYPE', 'DIB_PYTHON_EXEC', 'DIB_ROOT_LABEL', 'DIB_ROOT_FSTYPE'],
  ...['DIB_BOOT_LABEL', 'TMP_BUILD_DIR', 'TMP_IMAGE_DIR', 'TMP_HOOKS_PATH', 'TMP_MOUNT_PATH', '_LIB', 'PATH', 'HOME', 'LC_ALL'],
  ...['SOURCE_DATE_EPOCH', 'DIB_DUMP', 'FROM_ENVIRONMENT_D', '_BASE_ELEMENT_DIR', 'TMP_IMAGE_PATH'],
];
const ON_BUILDER = ['TARGET_ROOT', 'DIB_IMAGE_YAML_DIR'];
const NOWHERE = ['IMAGE_BLOCK_DEVICE', 'IMAGE_BLOCK_DEVICES', 'DIB_BLOCK_DEVICE_PARAMS_YAML', 'SUDO_USER'];
const LAST: readonly Phase[] = ['pre-finalise.d', 'finalise.d', 'cleanup.d'];

const PASSWORD = 'hunter2-secret';
let project: Project;
let tree: string;

beforeAll(() => {
  project = new Project(
    smallImage({
      elements: ['./elements/dump', 'element-manifest'],
      environment: { DIB_DEBIAN_KERNEL: 'none', DIB_DUMP: 'a "b" $c', DIB_DUMP_PASSWORD: PASSWORD },
      outputs: ['tar'],
      block_device: undefined,
    }),
  );
  project.hook('dump', 'environment.d/10-dump', 'export FROM_ENVIRONMENT_D=1', ': "$DIB_DUMP_PASSWORD"');
  project.hook('dump', 'parts.d/10-part', 'echo "part of $IMAGE_NAME"');
  for (const phase of PHASES) {
    const outside = OUTSIDE_PHASES.includes(phase);
    project.hook(
      'dump',
      `${phase}/50-dump-${phase.replace('.', '-')}`,
      `to=${outside ? '$TARGET_ROOT' : ''}/srv/dump/${phase}`,
      'mkdir -p "$to"',
      'env --null | sort --zero-terminated > "$to/env"',
      'pwd > "$to/pwd"',
      'eval declare -A elements=($(get_image_element_array)) && echo "${elements[dump]}" > "$to/element"',
      '(die gone wrong) 2> "$to/die" || echo "status $?" >> "$to/die"',
      'source "$_LIB/die" && ls "$TMP_HOOKS_PATH/parts.d" > "$to/hooks"',
      'dib-run-parts "$TMP_HOOKS_PATH/parts.d" > "$to/parts"',
      '"$TMP_HOOKS_PATH/dib-run-parts" --list "$TMP_HOOKS_PATH/parts.d" >> "$to/parts"',
    );
  }
  project.apply();
  tree = project.path('tree');
  execFileSync('mkdir', [tree]);
  execFileSync('tar', ['--extract', '--file', project.path('small.tar'), '--directory', tree, './srv', './etc']);
}, 300_000);
afterAll(() => {
  execFileSync('rm', ['--recursive', '--force', tree]);
  project.remove();
});

function text(path: string): string {
  return readFileSync(`${tree}${path}`, 'utf8');
}

function environmentOf(phase: Phase): Record<string, string> {
  const entries = text(`/srv/dump/${phase}/env`)
    .split('\0')
    .filter((entry) => entry !== '');
  return Object.fromEntries(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
}

test.each(PHASES)('%s: the variables and functions of the contract', (phase) => {
  const outside = OUTSIDE_PHASES.includes(phase);
  const found = environmentOf(phase);
  const wanted = [
    ...EVERYWHERE,
    ...(outside ? ON_BUILDER : []),
    ...(LAST.includes(phase) ? ['DIB_MOUNTPOINTS', 'DIB_ROOT_UUID', 'DIB_IMAGE_ROOT_FS_UUID'] : []),
  ];
  expect(wanted.filter((name) => found[name] === undefined)).toEqual([]);
  expect([...NOWHERE, ...(outside ? [] : ON_BUILDER)].filter((name) => found[name] !== undefined)).toEqual([]);
  expect(found).toMatchObject({
    IMAGE_NAME: 'small',
    LC_ALL: 'C',
    FS_TYPE: 'ext4',
    DIB_DUMP: 'a "b" $c',
    DIB_DUMP_PASSWORD: PASSWORD,
  });
  expect(found['DIB_ENV']).toContain('declare -x DIB_DUMP="a \\"b\\" \\$c"\n');
  expect(found['DIB_ENV']).toContain('declare -x DIB_DUMP_PASSWORD="(sensitive)"');
  expect(found['DIB_ARGS']).toMatch(/^-a \w+ -o small -t tar .*element-manifest$/);
  expect(found['ELEMENTS_PATH']?.split(':')[0]).toBe(project.path('elements'));
  expect(text(`/srv/dump/${phase}/element`)).toBe(`${project.path('elements/dump')}\n`);
  expect(text(`/srv/dump/${phase}/die`)).toBe('ERROR: gone wrong\nstatus 1\n');
  expect(text(`/srv/dump/${phase}/hooks`)).toBe('10-part\n');
  expect(text(`/srv/dump/${phase}/parts`)).toMatch(/^[-\d]+ [:.\d]+ \| part of small\n\S+\/parts\.d\/10-part\n$/);
  if (outside) expect(found['PATH']).toMatch(/\/shims:/);
  else expect(found).toMatchObject({ HOME: '/root', TMP_HOOKS_PATH: '/tmp/in_target.d', TMP_MOUNT_PATH: '/' });
  if (!outside) expect(text(`/srv/dump/${phase}/pwd`)).toBe('/\n');
});

test('no path of this machine and no secret is in the keys of layers', () => {
  const state = readFileSync(project.path('.dib/state.json'), 'utf8');
  const { resources } = JSON.parse(state) as { resources: { kind: string; key_document: object }[] };
  const documents = resources.filter(({ kind }) => kind === 'layer').map(({ key_document }) => JSON.stringify(key_document));
  expect(documents.length).toBeGreaterThan(4);
  for (const document of documents) {
    expect(document).not.toContain(project.directory);
    expect(document).not.toContain(project.cache);
  }
  expect(state).not.toContain(PASSWORD);
});

test('manifests and element-manifest: in the image for root alone, and beside image.yaml; no secret is in them', () => {
  const names = ['dib-element-manifest', 'dib-manifest-dpkg-small', 'dib_arguments', 'dib_environment'];
  expect(readdirSync(`${tree}/etc/dib-manifests`).sort()).toEqual(names);
  expect(readdirSync(project.path('small.d/dib-manifests')).sort()).toEqual(names);
  for (const name of names) expect(statSync(`${tree}/etc/dib-manifests/${name}`).mode & 0o777).toBe(0o600);
  const packages = JSON.parse(text('/etc/dib-manifests/dib-manifest-dpkg-small')).packages as { package: string }[];
  expect(packages.find((each) => each.package === 'bash')).toMatchObject({
    version: expect.stringMatching(/^\d/),
    status: 'ii ',
  });
  expect(text('/etc/dib-manifests/dib-element-manifest').split('\n')).toContain('dump');
  expect(text('/etc/dib-manifests/dib_environment')).toContain('declare -x DIB_DUMP_PASSWORD="(sensitive)"');
  expect(text('/etc/dib-manifests/dib_environment')).not.toContain(PASSWORD);
  const arguments_ = text('/etc/dib-manifests/dib_arguments');
  expect(arguments_).toMatch(/^-a \w+ -o small -t tar /);
  expect(existsSync(`${tree}/tmp/in_target.d`)).toBe(false);
});
