import { existsSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import type { Command } from 'commander';
import { hasErrors } from '../../diagnostics/diagnostic.ts';
import { DibError, ExitCode } from '../../diagnostics/errors.ts';
import type { ElementIndex } from '../../elements/search.ts';
import { collect, type GlobalOptions, runCommand } from '../command.ts';

interface Options extends GlobalOptions {
  readonly elementsPath?: readonly string[];
  readonly image?: string;
}

interface NewOptions extends GlobalOptions {
  readonly directory: string;
}

/** `dib elements list|show|lint|new`: what images can be made of, and help with writing more of it. */
export function registerElements(program: Command): void {
  const elements = program.command('elements').description('look at elements, judge them, and begin new ones');
  withPath(elements.command('list'))
    .description('print the elements that can be named in an image')
    .action((_options: unknown, self: Command) => run<Options>(self, list));
  withPath(elements.command('show'))
    .description('print what an element does: hooks in order, packages, variables, dependencies')
    .argument('<name>', 'name of an element, or path of its directory')
    .action((name: string, _options: unknown, self: Command) => run<Options>(self, (options) => show(name, options)));
  withPath(elements.command('lint'))
    .description("judge elements by diskimage-builder's rules and more; exit status 1 if one has errors")
    .argument('[dir...]', 'elements, or directories that hold them (default: elements here, else this directory)')
    .action((directories: string[], _options: unknown, self: Command) =>
      run<Options>(self, (options) => lint(directories, options)),
    );
  elements
    .command('new')
    .description('write the beginnings of an element')
    .argument('<name>', 'its name')
    .option('--directory <dir>', 'directory of elements that it is put into', 'elements')
    .option('--json', 'print JSON')
    .action((name: string, _options: unknown, self: Command) => run<NewOptions>(self, (options) => create(name, options)));
}

function withPath(command: Command): Command {
  return command
    .option('--elements-path <dirs>', `directories with elements, separated by \`${delimiter}\`; may be repeated`, collect)
    .option('--image <file>', 'look in `elements_path` of this image.yaml, too')
    .option('--json', 'print JSON');
}

function run<T extends GlobalOptions>(self: Command, body: (options: T) => Promise<ExitCode>): Promise<void> {
  const options = self.optsWithGlobals<T>();
  return runCommand(options, () => body(options));
}

/** Directories of elements in the order in which a build looks: what is given here comes first, what is shipped last. */
async function searchPath(options: Options): Promise<string[]> {
  const split = (text: string): string[] => text.split(delimiter).filter((part) => part !== '');
  return [
    ...(options.elementsPath ?? []).flatMap(split).map((path) => resolve(path)),
    ...(await imagePath(options.image)),
    ...split(process.env['ELEMENTS_PATH'] ?? '').map((path) => resolve(path)),
  ];
}

/** `elements_path` of an image. Other problems of it are no business of these commands. */
async function imagePath(file: string | undefined): Promise<string[]> {
  if (file === undefined) return [];
  const [{ loadImage }, { debianArchitecture }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../distros/architectures.ts'),
  ]);
  const loaded = await loadImage(file, debianArchitecture());
  const image = loaded.value ?? loaded.salvaged;
  if (image === undefined) throw new DibError(loaded.diagnostics);
  return image.config.elements_path.map((path) => resolve(image.directory, path));
}

async function index(path: readonly string[]): Promise<ElementIndex> {
  const [{ indexElements }, { builtinElementsDirectory }, { collectProblems }] = await Promise.all([
    import('../../elements/search.ts'),
    import('../../elements/locations.ts'),
    import('../../elements/problems.ts'),
  ]);
  const problems = collectProblems();
  const found = indexElements(path, builtinElementsDirectory(), problems);
  if (problems.list.length > 0) throw new DibError(problems.list);
  return found;
}

async function list(options: Options): Promise<ExitCode> {
  const [{ listElements }, { renderElementList }, found] = await Promise.all([
    import('../../elements/catalogue.ts'),
    import('../../ui/elements-text.ts'),
    searchPath(options).then(index),
  ]);
  const elements = listElements(found);
  if (options.json === true) printJson({ format_version: '1.0', elements });
  else process.stdout.write(renderElementList(elements));
  return ExitCode.Ok;
}

async function show(name: string, options: Options): Promise<ExitCode> {
  const [{ describeElement, findDescribed }, { renderElement }, { colourFor }, found] = await Promise.all([
    import('../../elements/catalogue.ts'),
    import('../../ui/elements-text.ts'),
    import('../../ui/colour.ts'),
    searchPath(options).then(index),
  ]);
  const element = describeElement(findDescribed(name, found), found);
  if (options.json === true) printJson({ format_version: '1.0', element });
  else process.stdout.write(renderElement(element, colourFor(process.stdout, options.color)));
  return ExitCode.Ok;
}

async function lint(directories: readonly string[], options: Options): Promise<ExitCode> {
  const [{ lintElements }, { surroundingsOf, isElementDirectory }, path] = await Promise.all([
    import('../../elements/lint/lint.ts'),
    import('../../elements/lint/read.ts'),
    searchPath(options),
  ]);
  const given = directories.length > 0 ? directories : [existsSync('elements') ? 'elements' : '.'];
  const beside = given.map((directory) => resolve(directory)).filter((directory) => !isElementDirectory(directory));
  const around = given.map((directory) => resolve(directory)).filter((directory) => isElementDirectory(directory));
  const found = await index([...beside, ...around.map((directory) => resolve(directory, '..')), ...path]);
  const result = await lintElements(given, surroundingsOf(found));
  await printLint(result, options);
  return hasErrors(result.diagnostics) ? ExitCode.Failed : ExitCode.Ok;
}

async function printLint(
  { elements, diagnostics, shellcheck }: Awaited<ReturnType<typeof import('../../elements/lint/lint.ts')['lintElements']>>,
  options: Options,
): Promise<void> {
  if (options.json === true) {
    const { jsonReport } = await import('../../report/json.ts');
    printJson({ ...jsonReport(diagnostics), elements, shellcheck });
    return;
  }
  const [{ printDiagnostics }, { colourFor }] = await Promise.all([import('../command.ts'), import('../../ui/colour.ts')]);
  await printDiagnostics(diagnostics, options);
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const what = `${count(elements.length, 'element')}: ${count(errors, 'error')}, ${count(warnings, 'warning')}.`;
  if (!shellcheck) process.stderr.write('shellcheck is not installed: scripts were not looked at by it.\n');
  const stream = errors > 0 ? process.stderr : process.stdout;
  const colour = colourFor(stream, options.color);
  if (errors > 0) process.stderr.write(`${colour.red.bold('Failed!')} ${what}\n`);
  else process.stdout.write(`${colour.green.bold('Success!')} ${what}\n`);
}

async function create(name: string, options: NewOptions): Promise<ExitCode> {
  const { writeSkeleton } = await import('../../elements/skeleton.ts');
  const files = writeSkeleton(name, resolve(options.directory));
  if (options.json === true) printJson({ format_version: '1.0', name, files });
  else
    process.stdout.write(
      `${files.map((file) => `wrote ${file}\n`).join('')}Try it with: dib elements lint ${options.directory}/${name}\n`,
    );
  return ExitCode.Ok;
}

function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
