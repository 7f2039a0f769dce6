// `node scripts/upstream-elements.mjs`: what becomes of each element of diskimage-builder's own tree, unmodified, under dib, and of the tests
// that it brings (`test-elements`). Writes docs/upstream-elements.md. Needs root, Debian's mirror and the package python3-diskimage-builder;
// takes about half an hour.
//   --only NAME     tries this element or test (ELEMENT/TEST) again and keeps all other rows of the page (may be given more than once)
//
// Those that can be built from Debian's mirror are built together in as few images as they allow; one that is to blame for a failure is built
// alone, and only that counts. One that cannot even be planned alone is a contradiction in itself. The others (scripts/upstream-elements.json
// says why) are tried alone with nothing but Debian's mirror in reach, and the table has what dib says then.
import { spawn, spawnSync } from 'node:child_process';
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

/** Longer than any try with servers out of reach takes, retries included. */
const ALONE_SECONDS = 900;

/** Nobody listens at the discard port, so that each try to reach a server ends at once. */
const NOWHERE = 'http://127.0.0.1:9';

const { values: options } = parseArgs({ options: { only: { type: 'string', multiple: true } } });

/** Results in words, in the order of the summary. */
const WORDS = {
  built: 'works (built)',
  instead: "dib's own instead (built)",
  planned: 'planned only',
  elsewhere: 'cannot run here',
  contradiction: 'contradiction upstream',
  failed: 'fails',
};
const TEST_WORDS = { passed: 'passes', failed: 'fails', elsewhere: 'cannot run here' };

let scratch;
let runs = 0;
let targets;

await main(async () => {
  scratch = mkdtempSync('/var/tmp/dib-upstream-elements-');
  try {
    // Only tests have a slash in their names.
    const results = new Map(earlierRows(WORDS).filter(([name]) => !name.includes('/')));
    const tests = new Map(earlierRows(TEST_WORDS).filter(([name]) => name.includes('/')));
    const write = () => options.only !== undefined && writeFileSync(PAGE, page(results, tests));
    await Promise.all([judgeAll(results, write), runTests(tests, write)]);
    writeFileSync(PAGE, page(results, tests));
    say(`\n${summary(results, WORDS, 'elements')}\n${summary(tests, TEST_WORDS, 'tests')}\nWrote docs/upstream-elements.md.`);
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

/** Whether a row is to be made anew. */
function isWanted(name) {
  return options.only === undefined || options.only.includes(name);
}

/** Rows of the page as it is: name to `{result, why}`; one that is to be made anew is `old` until then. */
function earlierRows(words) {
  if (options.only === undefined || !existsSync(PAGE)) return [];
  const byWords = new Map(Object.entries(words).map(([result, said]) => [said, result]));
  return [...readFileSync(PAGE, 'utf8').matchAll(/^\| `(.+?)` \| (.+?) \| (.*) \|$/gm)]
    .filter(([, , said]) => byWords.has(said))
    .map(([, name, said, why]) => [name, { result: byWords.get(said), why, old: isWanted(name) }]);
}

/** Finds the result of each element: `{result: 'built' | 'instead' | 'planned' | 'elsewhere' | 'contradiction' | 'failed', why}`. */
async function judgeAll(results, write) {
  const names = readdirSync(TREE)
    .filter((name) => !name.startsWith('_') && statSync(join(TREE, name)).isDirectory())
    .sort();
  const rest = (wanted) => names.filter((name) => !isDone(results, name) && wanted(name));
  await someAtATime(3, rest(isAlone), async (name) => {
    results.set(name, await alone(name));
    write();
  });
  if (FACTS.foreign.some((name) => !isDone(results, name)))
    await buildGroup('with the mechanisms of their tree', { native_elements: false }, FACTS.foreign, results);
  const kernel = new Set(FACTS.kernel.flat());
  await buildAll(
    '',
    {},
    rest((name) => !kernel.has(name)),
    results,
  );
  write();
  for (const group of FACTS.kernel) {
    await buildAll(
      ' with a kernel',
      KERNEL,
      rest((name) => group.includes(name)),
      results,
    );
    write();
  }
  for (const name of rest(() => true)) {
    const { error } = await planned({ elements: [name] });
    results.set(name, error === undefined ? PLANNED : { result: 'contradiction', why: error });
  }
}

function isAlone(name) {
  return FACTS.alone[name] !== undefined;
}

function isDone(results, name) {
  const found = results.get(name);
  return found !== undefined && !found.old && found.result !== 'planned';
}

/** Builds elements on dib's own Debian, in as few images as they allow. */
async function buildAll(what, image, names, results) {
  let rest = names;
  for (let number = 1; rest.length > 0; number += 1) {
    const group = await together(rest, image, results);
    await buildGroup(`on dib's own Debian${what}, image ${number}`, image, group, results);
    rest = rest.filter((name) => !group.includes(name) && !isDone(results, name));
  }
}

/** As many of the elements as can be in one image, first come first served. */
async function together(names, image, results) {
  if ((await planned({ ...image, elements: names })).error === undefined) return names;
  const group = [];
  for (const name of names) {
    const { error } = await planned({ ...image, elements: [name] });
    if (error !== undefined) results.set(name, { result: 'contradiction', why: error });
    else if ((await planned({ ...image, elements: [...group, name] })).error === undefined) group.push(name);
  }
  return group;
}

/** Builds an image; while it fails, whoever may be to blame is built alone, and the others are tried again. */
async function buildGroup(title, image, wanted, results) {
  let elements = [...wanted];
  while (elements.length > 0) {
    say(`Building ${title}: ${elements.join(' ')}`);
    const built = await run({ ...image, elements }, ['apply', '--auto-approve']);
    if (built.error === undefined) return noteBuilt(title, image, elements, results);
    say(`  ${built.error}`);
    if (elements.length === 1) {
      results.set(elements[0], { result: 'failed', why: built.error });
      return;
    }
    const suspects = await suspected(built.text, elements, image);
    for (const name of suspects) await buildGroup('alone', image, [name], results);
    elements = elements.filter((name) => !suspects.includes(name));
  }
}

/** Elements to build alone: those whose hook failed or whose packages there are not, else those that need one of these, else all. */
async function suspected(text, elements, image) {
  const hook = /The hook `[^`]*` of element `([^`]+)`/.exec(text)?.[1];
  const askers = /Asked for(?: by)?: (.*)/.exec(text)?.[1] ?? '';
  const named = hook === undefined ? [...askers.matchAll(/element ([\w-]+)/g)].map((match) => match[1]) : [hook];
  const direct = elements.filter((name) => named.includes(name));
  if (direct.length > 0) return direct;
  const needing = [];
  for (const name of elements) {
    const needed = await closure({ ...image, elements: [name] });
    if (needed.some(([each]) => named.includes(each))) needing.push(name);
  }
  return needing.length > 0 ? needing : elements;
}

async function noteBuilt(title, image, elements, results) {
  for (const [name, replaced] of await closure({ ...image, elements })) {
    if (isDone(results, name) && results.get(name).result === 'built') continue;
    const needs = FACTS.needs[name];
    const why = needs === undefined ? title : `${title}; ${needs.because}`;
    results.set(name, { result: replaced ? 'instead' : 'built', why });
  }
}

/** The elements of the tree that an image comes to: `[name, whether dib's own stands in for it]`. */
async function closure(image) {
  const { plan } = await planned(image);
  const layer = plan?.resource_changes.find(
    (change) => change.kind === 'layer' && change.change.after?.environment !== undefined,
  );
  const replaced = new Set((plan?.replaced_elements ?? []).map((element) => element.name));
  const names = (layer?.change.after.environment.IMAGE_ELEMENT ?? '').split(' ');
  return names
    .filter((name) => statSync(join(TREE, name), { throwIfNoEntry: false }) !== undefined)
    .map((name) => [name, replaced.has(name)]);
}

/** An element of which it is known that it wants more than Debian's mirror. Its image may come to be all the same. */
async function alone(name) {
  say(`Trying ${name} alone, with nothing but Debian's mirror in reach.`);
  const { image = {}, because } = typeof FACTS.alone[name] === 'string' ? { because: FACTS.alone[name] } : FACTS.alone[name];
  const { error } = await run({ skip_base: true, elements: [name], ...image }, ['apply', '--auto-approve'], onlyDebian());
  if (error === undefined) return { result: 'built', why: `alone, with nothing but Debian's mirror in reach; ${because}` };
  return { result: 'elsewhere', why: `${because}. dib: ${error}` };
}

/** Every server but those of Debian's archives is out of reach: proxies that are not there. */
function onlyDebian() {
  const hosts = [DISTRO.release, `${DISTRO.release}-security`].map((suite) => new URL(mirrorOf(suite)).hostname);
  return { http_proxy: NOWHERE, https_proxy: NOWHERE, no_proxy: [...new Set(hosts)].join(',') };
}

/**
 * The tests that elements bring, as diskimage-builder's tests/run_functests.sh runs them: the element and the test element alone, without
 * base. A hook that must fail says so by /tmp/dib-test-should-fail in the tree, then ends with an error.
 */
async function runTests(tests, write) {
  const names = readdirSync(TREE)
    .filter((element) => existsSync(join(TREE, element, 'test-elements')))
    .flatMap((element) => readdirSync(join(TREE, element, 'test-elements')).map((test) => `${element}/${test}`))
    .filter((name) => !isDone(tests, name) && isWanted(name));
  await someAtATime(3, names, async (name) => {
    tests.set(name, await runTest(name));
    write();
  });
}

async function runTest(name) {
  say(`Testing ${name}.`);
  const [element, test] = name.split('/');
  const reachable = FACTS.tests[name] !== undefined;
  const { because, native, stand_ins = {}, also = [] } = FACTS.tests[name] ?? { because: unreachable(name) };
  const marker = join(scratch, `failed-as-it-should-${element}-${test}`);
  const keeper = join(scratch, `keeper-${element}-${test}`);
  writeFileSync(keeper, `#!/bin/sh\ncp "$TMP_MOUNT_PATH/tmp/dib-test-should-fail" '${marker}' || true\n`, { mode: 0o755 });
  const own = join(scratch, `stand-ins-${element}-${test}`);
  for (const [each, files] of Object.entries(stand_ins)) {
    mkdirSync(join(own, each), { recursive: true });
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(own, each, path)), { recursive: true });
      writeFileSync(join(own, each, path), text);
    }
  }
  const { error } = await run(
    {
      skip_base: true,
      elements: [element, test, ...also],
      elements_path: [...(existsSync(own) ? [own] : []), join(TREE, element, 'test-elements'), TREE],
      ...(native ? { distro: DISTRO } : {}),
      environment: native || !reachable ? {} : archives(),
      outputs: formatsOf(join(TREE, element, 'test-elements', test)),
    },
    ['apply', '--auto-approve'],
    { ...(reachable ? {} : onlyDebian()), break: 'after-error', break_outside_target: '1', break_cmd: keeper },
  );
  const said = because === undefined ? '' : `${because}. `;
  if (existsSync(marker)) return { result: 'passed', why: `${said}It fails, as it should: /tmp/dib-test-should-fail is there` };
  if (error === undefined) return { result: 'passed', why: `${said}The image was built` };
  return { result: reachable ? 'failed' : 'elsewhere', why: `${said}dib: ${error}` };
}

/** Why a test is not expected to get far here: what it builds on is not at Debian's mirror. */
function unreachable(name) {
  const [element, test] = name.split('/');
  const named = [element, ...lines(join(element, 'test-elements', test), 'element-deps')].find((each) => FACTS.alone[each]);
  return FACTS.unreachable_tests[name] ?? FACTS.alone[named];
}

/** The formats that a test asks for; `tar,qcow2` by default. */
function formatsOf(directory) {
  const file = join(directory, 'test-output-formats');
  return (existsSync(file) ? readFileSync(file, 'utf8').trim() : 'tar,qcow2').split(',');
}

async function planned(image) {
  const { error, stdout } = await run(image, ['plan', '--json']);
  return error === undefined ? { plan: JSON.parse(stdout) } : { error };
}

/** Most of them wait for a server or a disk. */
async function someAtATime(count, items, work) {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: count }, lane));
}

/** Runs dib on an image, with what its elements need beside; `error` is its first error in one line. */
async function run(image, args, variables = {}) {
  runs += 1;
  const directory = join(scratch, `image-${runs}`);
  mkdirSync(directory);
  const needs = image.elements.map((name) => FACTS.needs[name] ?? {});
  const brings = image.distro === undefined && bringsSystem(image.elements);
  const environment = {
    ...FACTS.environment,
    ...image.environment,
    ...Object.assign({}, ...needs.map((each) => each.environment)),
    ...(brings && image.elements_path === undefined ? archives() : {}),
  };
  const packages = needs.flatMap((each) => each.packages ?? []);
  writeFileSync(
    join(directory, 'image.yaml'),
    stringify({
      apiVersion: 'dib/v1',
      name: 'upstream',
      elements_path: [TREE],
      ...(brings ? {} : { distro: DISTRO }),
      outputs: [image.native_elements === false ? 'raw' : 'tar'],
      ...image,
      packages: [...packages, ...(image.packages ?? [])],
      environment,
    }),
  );
  const env = { ...process.env, PATH: SEARCH_PATH.join(':'), NO_COLOR: '1', ...variables };
  const ended = await finished(spawn(process.execPath, [join(TOP, 'bin/dib.js'), ...args], { cwd: directory, env }));
  rmSync(directory, { recursive: true, force: true });
  const { status, stdout, stderr, overdue } = ended;
  const text = `${stdout}\n${stderr}`;
  if (overdue) return { error: `stopped by this script after ${ALONE_SECONDS} seconds`, stdout, text };
  return status === 0 ? { stdout, text } : { error: firstError(text), stdout, text };
}

/** What a program wrote and how it ended; SIGINT after a time, as ^C. */
function finished(child) {
  return new Promise((resolve, reject) => {
    const texts = { stdout: [], stderr: [] };
    let overdue = false;
    for (const name of ['stdout', 'stderr']) child[name].on('data', (chunk) => texts[name].push(chunk));
    const timer = setTimeout(() => {
      overdue = true;
      child.kill('SIGINT');
    }, ALONE_SECONDS * 1000);
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, overdue, stdout: `${Buffer.concat(texts.stdout)}`, stderr: `${Buffer.concat(texts.stderr)}` });
    });
  });
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
  targets ??= spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE)'], { encoding: 'utf8' }).stdout;
  const line = targets.split('\n').find((each) => each.endsWith(` ${suite}`));
  if (line === undefined) throw new Error(`apt knows no archive with ${suite}: run \`apt-get update\``);
  return line.split(' ')[0].replace(/\/$/, '');
}

/** Code and summary, with the last line of a hook; nothing that names this machine or a server. */
function firstError(text) {
  const json = /"code": "(\w+)",\s+"summary": ("(?:[^"\\]|\\.)*")/.exec(text);
  const human = /error\[(\w+)\]: (.*)/.exec(text);
  const [code, summary] = human?.slice(1) ?? (json === null ? ['no diagnostic', 'ended'] : [json[1], JSON.parse(json[2])]);
  const last = /Its last[^\n]*:\n((?: {4}.*\n)+)/
    .exec(text)?.[1]
    ?.trimEnd()
    .split('\n')
    .filter((line) => !line.includes('dmesg(1)'))
    .at(-1)
    ?.trim();
  const said = last === undefined ? summary : `${summary} (${last})`;
  return `${said} [${code}]`
    .replace(/\b[a-z]+:\/\/[^\s'"`/]+/g, 'a server:/')
    .replace(/\b(?:[\w-]+\.)+(?:com|org|net|io|dev)\b/g, '(a server)')
    .replace(/\/[^\s`']*\/(layer-\w+|hooks)\//g, '')
    .replace(new RegExp(`${dirname(TREE)}/`, 'g'), '')
    .replace(/ after \d+ ms/, '')
    .replace(/\|/g, '\\|');
}

function summary(results, words, what) {
  const count = (wanted) => [...results.values()].filter(({ result }) => result === wanted).length;
  const parts = Object.entries(words).map(([result, said]) => `${said}: ${count(result)}`);
  return `${results.size} ${what}. ${parts.join(', ')}.`;
}

/** Rows of a table; a tree that is built has another path on each machine. */
function rows(results, words) {
  const tidy = (why) =>
    why
      .replace(/(?:\$DIB_IMAGE_CACHE)?(?:\/[\w.-]+)+\/dib_build\.\w+\/(?:tree|merged)/g, 'TARGET_ROOT')
      .replace(/(?:\/[\w.-]+)+\/(?=(?:elements|scratch|building)\/)/g, '$DIB_IMAGE_CACHE/');
  const sorted = [...results].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, { result, why }]) => `| \`${name}\` | ${words[result]} | ${tidy(why)} |`).join('\n');
}

function page(results, tests) {
  const version = spawnSync('dpkg-query', ['--show', '--showformat=${Version}', 'python3-diskimage-builder'], {
    encoding: 'utf8',
  }).stdout;
  return `# Upstream's elements

Made by \`node scripts/upstream-elements.mjs\`; do not edit. The elements of diskimage-builder ${version} (Debian's package
python3-diskimage-builder), unmodified, with \`elements_path\` pointing at them, for Debian ${DISTRO.release} on amd64. Every result is that of a
run: "works" means that an image with the element was built, "cannot run here" that dib tried it alone with nothing but Debian's mirror in
reach and what it said. "dib's own instead" are mechanisms that dib carries out itself unless the image says \`native_elements: false\`.

${summary(results, WORDS, 'elements')}

| element | result | which image, or why not |
|---|---|---|
${rows(results, WORDS)}

## Their own tests

The tree has tests beside the elements (\`ELEMENT/test-elements/TEST\`). Each is run as diskimage-builder's own \`run_functests.sh\` does: an image
of the two elements without \`base\`, in the formats that the test names. ${summary(tests, TEST_WORDS, 'tests')}

| test | result | how, or why not |
|---|---|---|
${rows(tests, TEST_WORDS)}
`;
}
