import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { builtinElementsDirectory } from '../../../src/elements/locations.ts';

const TOP = fileURLToPath(new URL('../../..', import.meta.url));
const directory = builtinElementsDirectory();
const elements = readdirSync(directory).sort();

/** Directories of tests that build images. */
const REAL = ['test/system/cli', 'test/system/distros', 'test/system/elements', 'test/boot'];

/** Builds elements of the same names from another tree. */
const FOREIGN = 'upstream.test.ts';

interface RealTest {
  readonly file: string;
  /** Elements of its images, with those that they depend on. */
  readonly built: ReadonlySet<string>;
  readonly titles: readonly string[];
}

const tests: readonly RealTest[] = REAL.flatMap((path) =>
  readdirSync(join(TOP, path))
    .filter((name) => name.endsWith('.test.ts') && name !== FOREIGN)
    .map((name) => readTest(join(TOP, path, name))),
);

function readTest(file: string): RealTest {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const named = new Set<string>();
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (isElementList(node)) for (const text of textsBelow(node)) named.add(text);
    for (const name of dependenciesOfFixture(node)) named.add(name);
    if (ts.isCallExpression(node)) {
      const [first] = node.arguments;
      const called = node.expression.getText(source);
      if (first !== undefined && ts.isStringLiteralLike(first)) {
        if (called === 'readExample') for (const name of elementsOfExample(first.text)) named.add(name);
        if (/^(test|it|describe)\b/.test(called)) titles.push(first.text);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { file, built: withDependencies(named), titles };
}

/** `elements: [...]`, or a constant from which such lists are made. */
function isElementList(node: ts.Node): boolean {
  if (ts.isPropertyAssignment(node)) return node.name.getText() === 'elements';
  return ts.isVariableDeclaration(node) && /^elements/i.test(node.name.getText());
}

/** What depends on shipped elements: one that the test writes, and a distribution with its element of the operating system. */
function dependenciesOfFixture(node: ts.Node): string[] {
  const texts = ts.isPropertyAssignment(node) || ts.isCallExpression(node) ? childTexts(node) : [];
  if (texts[0] === 'element-deps') return (texts[1] ?? '').split('\n');
  return texts[0] === 'name' && texts[1] !== undefined ? [`${texts[1]}-minimal`] : [];
}

/** Name and value of a property, or arguments of a call, as far as they are written out. */
function childTexts(node: ts.PropertyAssignment | ts.CallExpression): string[] {
  const parts = ts.isCallExpression(node) ? node.arguments : [node.name, node.initializer];
  return parts.map((part) => (ts.isIdentifier(part) || ts.isStringLiteralLike(part) ? part.text : ''));
}

function textsBelow(node: ts.Node): string[] {
  const texts: string[] = [];
  const visit = (each: ts.Node): void => {
    if (ts.isStringLiteralLike(each)) texts.push(each.text);
    ts.forEachChild(each, visit);
  };
  visit(node);
  return texts;
}

function elementsOfExample(name: string): readonly string[] {
  return (parse(readFileSync(join(TOP, 'examples', name, 'image.yaml'), 'utf8')) as { elements: string[] }).elements;
}

function dependencies(name: string): string[] {
  const file = join(directory, name, 'element-deps');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

function withDependencies(names: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (name: string): void => {
    if (found.has(name) || !elements.includes(name)) return;
    found.add(name);
    for (const dep of dependencies(name)) add(dep);
  };
  for (const name of ['base', ...names]) add(name);
  return found;
}

/** Tests of the image that has the element whose titles say that they look at it. */
function lookAt(element: string): string[] {
  const word = new RegExp(`(^|[^\\w-])${element}([^\\w-]|$)`);
  return tests.flatMap(({ built, titles }) => (built.has(element) ? titles.filter((title) => word.test(title)) : []));
}

/** An element that is nothing but its dependencies is as good as they are. */
function isJustDependencies(element: string): boolean {
  const own = readdirSync(join(directory, element)).filter(
    (name) => !['README.md', 'element.yaml', 'element-deps'].includes(name),
  );
  return own.length === 0 && dependencies(element).length > 0;
}

/** Decides which outputs are made, and changes nothing in the image: test/unit/plan/no-final-image.test.ts. */
const MARKERS = ['no-final-image'];

describe('shipped elements', () => {
  it.each(MARKERS)('%s has nothing that could be seen in an image', (name) => {
    expect(readdirSync(join(directory, name)).sort()).toEqual(['README.md', 'element.yaml']);
  });

  it.each(elements.filter((name) => !MARKERS.includes(name)))(
    '%s is built in an image, and a test that names it looks at the result',
    (name) => {
      const seen = (element: string) => lookAt(element).length > 0;
      if (!seen(name)) expect(isJustDependencies(name) && dependencies(name).every(seen), name).toBe(true);
    },
  );
});
