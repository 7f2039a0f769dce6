// From the grammar of block devices (src/blockdev/grammar.ts): its definitions in schemas/image.schema.json and the tables of docs/block-devices.md (both
// committed). From elements/*/element.yaml: docs/element-library.md (committed). Then from schemas/*.schema.json: TypeScript types (committed: src/generated/<name>-schema.ts) and compiled validators (not committed:
// src/generated/validate-<name>.ts). Validators are compiled here, once, because compiling takes longer than all of `dib validate`.
//
//   node scripts/generate.mjs            write all
//   node scripts/generate.mjs --check    compare what is committed, write nothing; exit 1 when it is out of date

import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ajv } from 'ajv';
import standaloneModule from 'ajv/dist/standalone/index.js';
import { compile } from 'json-schema-to-typescript';
import { formatJson, withBlockDevices, withGrammar } from './block-device-pages.mjs';
import { elementLibrary } from './element-pages.mjs';

const standaloneCode = standaloneModule.default ?? standaloneModule;
const root = path.join(import.meta.dirname, '..');
const schemaDirectory = path.join(root, 'schemas');
const generatedDirectory = path.join(root, 'src', 'generated');

/** Keywords that editors know and Ajv does not. */
export const EDITOR_KEYWORDS = [
  'patternErrorMessage',
  'markdownDescription',
  'defaultSnippets',
  'enumDescriptions',
  'deprecationMessage',
];

/** Names of the schemas, sorted: `image` for schemas/image.schema.json. */
export async function schemaNames() {
  const files = await readdir(schemaDirectory);
  return files
    .filter((file) => file.endsWith('.schema.json'))
    .map((file) => file.slice(0, -'.schema.json'.length))
    .sort();
}

async function readSchema(name) {
  return JSON.parse(await readFile(path.join(schemaDirectory, `${name}.schema.json`), 'utf8'));
}

/** The types of one schema, as TypeScript text. */
export async function typesOf(name) {
  const schema = await readSchema(name);
  return compile(schema, schema.title ?? name, {
    bannerComment: `// Generated from schemas/${name}.schema.json by \`npm run generate\`: do not edit.`,
    cwd: schemaDirectory,
    additionalProperties: false,
    strictIndexSignatures: false,
    style: { singleQuote: true, printWidth: 130 },
  });
}

/** A validator of one schema, as TypeScript text that imports nothing but Ajv's small run-time helpers. */
export async function validatorOf(name) {
  const schema = await readSchema(name);
  const ajv = new Ajv({
    allErrors: true,
    verbose: true,
    strict: true,
    allowUnionTypes: true,
    // `required` in a subschema whose properties stand in the parent is legitimate.
    strictRequired: false,
    code: { source: true, esm: true, lines: false },
  });
  for (const keyword of EDITOR_KEYWORDS) ajv.addKeyword({ keyword, valid: true });
  for (const other of await schemaNames()) if (other !== name) ajv.addSchema(await readSchema(other));
  const validate = ajv.compile(schema);
  const imports = new Map();
  // Ajv writes its helpers as require() even into ES modules.
  const code = standaloneCode(ajv, validate).replaceAll(
    /require\("(ajv\/dist\/runtime\/[a-z0-9_]+)"\)(\.default)?/gu,
    (_all, module) => {
      const local = `runtime_${module.slice(module.lastIndexOf('/') + 1)}`;
      imports.set(local, module);
      return `(${local}.default ?? ${local})`;
    },
  );
  if (/\brequire\(/u.test(code)) throw new Error(`the validator of ${name} still has a require()`);
  const body = code
    .replace(/^"use strict";/u, '')
    .replace(/export const validate = (\w+);/u, '')
    .replace(/export default (\w+);/u, (_all, local) => `\nexport const ${validatorName(name)}: SchemaValidator = ${local};\n`);
  return [
    '// @ts-nocheck: generated code',
    `// Generated from schemas/${name}.schema.json by \`npm run generate\`: do not edit, not committed.`,
    ...[...imports].map(([local, module]) => `import ${local} from '${module}.js';`),
    "import type { SchemaValidator } from '../diagnostics/schema-validator.ts';",
    body,
  ].join('\n');
}

/** `validateImage` for `image`, `validatePlanFile` for `plan-file`. */
export function validatorName(name) {
  return `validate${name.replaceAll(/(?:^|-)([a-z0-9])/gu, (_all, letter) => letter.toUpperCase())}`;
}

/** The grammar of block devices. Node.js 20 cannot import TypeScript, so it is bundled into one module first. */
async function blockDeviceGrammar() {
  const { build } = await import('rolldown');
  const bundle = await build({ input: path.join(root, 'src/blockdev/grammar.ts'), write: false, logLevel: 'warn' });
  return import(`data:text/javascript,${encodeURIComponent(bundle.output[0].code)}`);
}

/** Files that follow from the grammar, with the text that they should have. */
async function grammarFiles() {
  const grammar = await blockDeviceGrammar();
  const page = path.join(root, 'docs/block-devices.md');
  return [
    [path.join(schemaDirectory, 'image.schema.json'), `${formatJson(withBlockDevices(await readSchema('image'), grammar))}\n`],
    [page, withGrammar(await readFile(page, 'utf8'), grammar)],
  ];
}

/** Pages that follow from the elements, with the text that they should have. */
function elementFiles() {
  return [[path.join(root, 'docs/element-library.md'), elementLibrary(path.join(root, 'elements'))]];
}

/** Written under a temporary name first: others may read it at this moment. Unchanged files stay untouched. */
async function writeIfChanged(file, text) {
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (before === text) return false;
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, text);
  await rename(temporary, file);
  return true;
}

async function compare(file, text) {
  if ((await readFile(file, 'utf8').catch(() => '')) === text) return;
  process.stderr.write(`${path.relative(root, file)} is out of date: run \`npm run generate\`\n`);
  process.exitCode = 1;
}

async function main(argv) {
  const check = argv.includes('--check');
  await mkdir(generatedDirectory, { recursive: true });
  for (const [file, text] of [...(await grammarFiles()), ...elementFiles()]) {
    if (check) await compare(file, text);
    else if (await writeIfChanged(file, text)) process.stdout.write(`wrote ${path.relative(root, file)}\n`);
  }
  for (const name of await schemaNames()) {
    const typesFile = path.join(generatedDirectory, `${name}-schema.ts`);
    const types = await typesOf(name);
    if (check) {
      await compare(typesFile, types);
      continue;
    }
    const validatorFile = path.join(generatedDirectory, `validate-${name}.ts`);
    for (const [file, text] of [
      [typesFile, types],
      [validatorFile, await validatorOf(name)],
    ]) {
      if (await writeIfChanged(file, text)) process.stdout.write(`wrote ${path.relative(root, file)}\n`);
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv.slice(2));
