// `node scripts/upstream-elements.mjs`: what becomes of each element of diskimage-builder's own tree, unmodified, under dib.
// Writes docs/upstream-elements.md. Needs root, Debian's mirror and the package python3-diskimage-builder; takes about 20 minutes.
//   --stage alone|foreign|plain|kernel   only that part of it (may be given more than once)
//   --results FILE                       keeps results there, and begins with those that it has: what was built is not built again
//
// Those that can be built from Debian's mirror are built together in as few images as they allow; one that cannot even be planned alone is
// a contradiction in itself. The others (scripts/upstream-elements.json says why) are tried alone without a network, and the table has what dib
// says then.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { main, SEARCH_PATH, say, TOP } from './host.mjs';

const TREE = '/usr/lib/python3/dist-packages/diskimage_builder/elements';
const FACTS = JSON.parse(readFileSync(join(TOP, 'scripts/upstream-elements.json'), 'utf8'));
const DISTRO = { name: 'debian', release: 'bookworm' };
const PAGE = join(TOP, 'docs/upstream-elements.md');

/** The result of an element that no image was built with. */
const PLANNED = { result: 'planned', why: 'part of no image that was built' };

const KERNEL = { environment: { DIB_DEBIAN_KERNEL: 'linux-image-cloud-amd64' } };

/** A hook without a network may try again for a long time. */
const ALONE_SECONDS = 20;

const { values: options } = parseArgs({ options: { stage: { type: 'string', multiple: true }, results: { type: 'string' } } });

/** Results in words, in the order of the summary. */
const WORDS = {
  built: 'works (built)',
  instead: "dib's own instead (built)",
  planned: 'planned only',
  elsewhere: 'cannot run here',
  contradiction: 'contradiction upstream',
  failed: 'fails',
};

await main(() => {
  const scratch = mkdtempSync('/var/tmp/dib-upstream-elements-');
  try {
    const results = judgeAll(scratch);
    writeFileSync(PAGE, page(results));
    say(`\n${summary(results)}\nWrote docs/upstream-elements.md.`);
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

/** Result of each element: `{result: 'built' | 'instead' | 'planned' | 'elsewhere' | 'contradiction' | 'failed', why}`. */
function judgeAll(scratch) {
  const names = readdirSync(TREE)
    .filter((name) => !name.startsWith('_') && statSync(join(TREE, name)).isDirectory())
    .sort();
  const results = new Map(Object.entries(earlierResults()));
  const rest = (wanted) => names.filter((name) => !isDone(results, name) && wanted(name));
  const isAlone = (name) => FACTS.alone[name] !== undefined;
  const needsKernel = (name) => FACTS.kernel.includes(name);
  const stages = {
    alone: () => {
      for (const name of rest(isAlone)) {
        results.set(name, alone(name, scratch));
        keep(results);
      }
    },
    foreign: () => buildGroup('with the mechanisms of their tree', { native_elements: false }, FACTS.foreign, scratch, results),
    plain: () =>
      buildAll(
        '',
        {},
        rest((name) => !isAlone(name) && !needsKernel(name)),
        scratch,
        results,
      ),
    kernel: () => buildAll(' with a kernel', KERNEL, rest(needsKernel), scratch, results),
  };
  for (const [stage, carryOut] of Object.entries(stages)) {
    if (options.stage !== undefined && !options.stage.includes(stage)) continue;
    carryOut();
    keep(results);
  }
  for (const name of rest((each) => !results.has(each))) {
    const { error } = planned(scratch, { elements: [name] });
    results.set(name, error === undefined ? PLANNED : { result: 'contradiction', why: error });
    keep(results);
  }
  return new Map(names.map((name) => [name, results.get(name)]));
}

function keep(results) {
  if (options.results !== undefined) writeFileSync(options.results, JSON.stringify(Object.fromEntries(results), null, 2));
}

function earlierResults() {
  return options.results !== undefined && existsSync(options.results) ? JSON.parse(readFileSync(options.results, 'utf8')) : {};
}

function isDone(results, name) {
  return ['built', 'instead', 'failed', 'contradiction', 'elsewhere'].includes(results.get(name)?.result);
}

/** Builds elements on dib's own Debian, in as few images as they allow. */
function buildAll(what, image, names, scratch, results) {
  let rest = names;
  for (let number = 1; rest.length > 0; number += 1) {
    const group = together(rest, image, scratch, results);
    buildGroup(`on dib's own Debian${what}, image ${number}`, image, group, scratch, results);
    rest = rest.filter((name) => !group.includes(name) && !isDone(results, name));
  }
}

/** As many of the elements as can be in one image, first come first served. */
function together(names, image, scratch, results) {
  if (planned(scratch, { ...image, elements: names }).error === undefined) return names;
  const group = [];
  for (const name of names) {
    const { error } = planned(scratch, { ...image, elements: [name] });
    if (error !== undefined) results.set(name, { result: 'contradiction', why: error });
    else if (planned(scratch, { ...image, elements: [...group, name] }).error === undefined) group.push(name);
  }
  return group;
}

/** Builds an image; while an element is at fault it is noted, and the others are tried again. */
function buildGroup(title, image, wanted, scratch, results) {
  let elements = [...wanted];
  while (elements.length > 0) {
    say(`Building ${title}: ${elements.join(' ')}`);
    const built = run(scratch, { ...image, elements }, ['apply', '--auto-approve']);
    if (built.error === undefined) return noteBuilt(title, image, elements, scratch, results);
    const culprits = blame(built, elements, scratch, image);
    say(`  ${culprits.join(', ') || 'nobody'}: ${built.error}`);
    for (const name of culprits) results.set(name, { result: 'failed', why: built.error });
    const left = elements.filter(
      (name) => !closure(scratch, { ...image, elements: [name] }).some(([each]) => culprits.includes(each)),
    );
    if (left.length === elements.length) throw new Error(`no element is at fault:\n${built.text.slice(-3000)}`);
    for (const name of elements) {
      if (!left.includes(name) && !isDone(results, name))
        results.set(name, { result: 'failed', why: `needs ${culprits.join(', ')}` });
    }
    elements = left;
  }
}

/** Elements whose hook failed, or whose packages there are not. */
function blame({ text }, elements, scratch, image) {
  const hook = /The hook `[^`]*` of element `([^`]+)`/.exec(text)?.[1];
  if (hook !== undefined) return [hook];
  const askers = /Asked for(?: by)?: (.*)/.exec(text)?.[1] ?? '';
  const all = new Set(closure(scratch, { ...image, elements }).map(([name]) => name));
  return [...new Set([...askers.matchAll(/element ([\w-]+)/g)].map((match) => match[1]))].filter((name) => all.has(name));
}

function noteBuilt(title, image, elements, scratch, results) {
  for (const [name, replaced] of closure(scratch, { ...image, elements })) {
    if (results.get(name)?.result === 'built') continue;
    results.set(name, replaced ? { result: 'instead', why: title } : { result: 'built', why: title });
  }
}

/** The elements of the tree that an image comes to: `[name, whether dib's own stands in for it]`. */
function closure(scratch, image) {
  const { plan } = planned(scratch, image);
  const layer = plan?.resource_changes.find(
    (change) => change.kind === 'layer' && change.change.after?.environment !== undefined,
  );
  const replaced = new Set((plan?.replaced_elements ?? []).map((element) => element.name));
  const names = (layer?.change.after.environment.IMAGE_ELEMENT ?? '').split(' ');
  return names
    .filter((name) => statSync(join(TREE, name), { throwIfNoEntry: false }) !== undefined)
    .map((name) => [name, replaced.has(name)]);
}

/** Tried without a network: an element of which it is known that it wants more than Debian's mirror. Its image may come to be all the same. */
function alone(name, scratch) {
  say(`Trying ${name} alone, without a network.`);
  const { error } = run(
    scratch,
    { skip_base: true, elements: [name] },
    ['apply', '--auto-approve'],
    ['timeout', '--kill-after=2', String(ALONE_SECONDS), 'unshare', '--net', '--'],
  );
  if (error === undefined) return { result: 'built', why: 'alone, without a network; its hooks leave Debian alone' };
  return { result: 'elsewhere', why: `${FACTS.alone[name]}. dib: ${error}` };
}

function planned(scratch, image) {
  const { error, stdout } = run(scratch, image, ['plan', '--json']);
  return error === undefined ? { plan: JSON.parse(stdout) } : { error };
}

/** Runs dib on an image; `error` is its first error in one line. */
function run(scratch, image, args, prefix = []) {
  const directory = join(scratch, 'image');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  const system = bringsSystem(image.elements) ? {} : { distro: DISTRO };
  const environment = { ...FACTS.environment, ...image.environment, ...(bringsSystem(image.elements) ? archives() : {}) };
  const outputs = [image.native_elements === false ? 'raw' : 'tar'];
  writeFileSync(
    join(directory, 'image.yaml'),
    stringify({ apiVersion: 'dib/v1', name: 'upstream', elements_path: [TREE], ...system, ...image, environment, outputs }),
  );
  const [command, ...rest] = [...prefix, process.execPath, join(TOP, 'bin/dib.js'), ...args];
  const env = { ...process.env, PATH: SEARCH_PATH.join(':'), NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync(command, rest, { cwd: directory, env, encoding: 'utf8', maxBuffer: 1 << 28 });
  const text = `${stdout}\n${stderr}`;
  if (status === 0) return { stdout, text };
  // timeout(1) says so.
  return {
    error: status === 124 || status === 137 ? `still trying after ${ALONE_SECONDS} seconds` : firstError(text),
    stdout,
    text,
  };
}

/** Whether one of the elements, or what it depends on, is an operating system of its own. */
function bringsSystem(names, seen = new Set()) {
  return names.some((name) => {
    if (seen.has(name)) return false;
    seen.add(name);
    return lines(name, 'element-provides').includes('operating-system') || bringsSystem(lines(name, 'element-deps'), seen);
  });
}

function lines(name, file) {
  try {
    return readFileSync(join(TREE, name, file), 'utf8')
      .split(/\s+/)
      .filter(Boolean);
  } catch {
    return [];
  }
}

/** This version of debian-minimal looks for bookworm's security archive where only releases before bullseye have it. */
function archives() {
  return {
    DIB_RELEASE: DISTRO.release,
    DIB_DISTRIBUTION_MIRROR: mirrorOf(DISTRO.release),
    DIB_DEBIAN_SECURITY_SUBPATH: '-security',
    DIB_DEBIAN_SECURITY_MIRROR: mirrorOf(`${DISTRO.release}-security`),
  };
}

/** The archive from which this machine itself takes a suite. */
function mirrorOf(suite) {
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE)'], { encoding: 'utf8' });
  const line = stdout.split('\n').find((each) => each.endsWith(` ${suite}`));
  if (line === undefined) throw new Error(`apt knows no archive with ${suite}: run \`apt-get update\``);
  return line.split(' ')[0].replace(/\/$/, '');
}

/** Code and summary, with the last line of a hook; nothing that names this machine or a server. */
function firstError(text) {
  const json = /"code": "(\w+)",\s+"summary": ("(?:[^"\\]|\\.)*")/.exec(text);
  const human = /error\[(\w+)\]: (.*)/.exec(text);
  const [code, summary] = human?.slice(1) ?? (json === null ? ['no diagnostic', 'ended'] : [json[1], JSON.parse(json[2])]);
  const last = /Its last[^\n]*:\n((?: {4}.*\n)+)/.exec(text)?.[1]?.trimEnd().split('\n').at(-1)?.trim();
  const said = last === undefined ? summary : `${summary} (${last})`;
  return `${said} [${code}]`
    .replace(/\b[a-z]+:\/\/[^\s'"`/]+/g, 'a server:/')
    .replace(/\b(?:[\w-]+\.)+(?:com|org|net|io|dev)\b/g, '(a server)')
    .replace(/\/[^\s`']*\/(layer-\w+|hooks)\//g, '')
    .replace(new RegExp(`${dirname(TREE)}/`, 'g'), '')
    .replace(/\|/g, '\\|');
}

function summary(results) {
  const count = (what) => [...results.values()].filter(({ result }) => result === what).length;
  const parts = Object.entries(WORDS).map(([result, words]) => `${words}: ${count(result)}`);
  return `${results.size} elements. ${parts.join(', ')}.`;
}

function page(results) {
  // A tree that is built has another path on each machine.
  const tidy = (why) =>
    why
      .replace(/(?:\/[\w.-]+)+\/dib_build\.\w+\/tree/g, 'TARGET_ROOT')
      .replace(/(?:\/[\w.-]+)+\/(?=(?:elements|scratch|building)\/)/g, '$DIB_IMAGE_CACHE/');
  const rows = [...results].map(([name, { result, why }]) => `| \`${name}\` | ${WORDS[result]} | ${tidy(why)} |`);
  const version = spawnSync('dpkg-query', ['--show', '--showformat=${Version}', 'python3-diskimage-builder'], {
    encoding: 'utf8',
  }).stdout;
  return `# Upstream's elements

Made by \`node scripts/upstream-elements.mjs\`; do not edit. The elements of diskimage-builder ${version} (Debian's package
python3-diskimage-builder), unmodified, with \`elements_path\` pointing at them, for Debian ${DISTRO.release} on amd64. Every result is that of a
run: "works" means that an image with the element was built, "cannot run here" that dib tried it alone without a network and what it said.
"dib's own instead" are mechanisms that dib carries out itself unless the image says \`native_elements: false\`.

${summary(results)}

| element | result | which image, or why not |
|---|---|---|
${rows.join('\n')}
`;
}
