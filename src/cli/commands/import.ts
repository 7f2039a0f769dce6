import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type Checked, type Diagnostic, hasErrors } from '../../diagnostics/diagnostic.ts';
import { DibError, ExitCode, fail } from '../../diagnostics/errors.ts';
import { printable, quotedPath } from '../../diagnostics/printable.ts';
import type { SourceText } from '../../diagnostics/source-text.ts';
import type { BuildRequest, Imported } from '../../import/imported.ts';
import { type GlobalOptions, printDiagnostics, runCommand } from '../command.ts';

interface Options extends GlobalOptions {
  readonly output?: string;
  readonly force?: boolean;
}

/** `dib import`: image.yaml from what diskimage-builder was told. */
export function registerImport(program: Command): void {
  const group = program
    .command('import')
    .description('write image.yaml from a command line, YAML file or block-device configuration of diskimage-builder');
  for (const builder of ['disk-image-create', 'ramdisk-image-create'] as const) {
    addOptions(
      group
        .command(builder)
        .description(`from the arguments of ${builder}, given after \`--\`, and the \`DIB_*\` variables of the caller`)
        .argument('<arguments...>', `arguments of ${builder}`)
        .usage('[options] -- ARGUMENTS...'),
      async (args) => [await fromCommandLine(builder, args)],
    );
  }
  addOptions(
    group
      .command('image.yaml-upstream')
      .alias('diskimage-builder')
      .description('from a file of the `diskimage-builder` YAML front end; several images become NAME/image.yaml each')
      .argument('<file>', 'file, or - for standard input'),
    ([file]) => fromFrontEnd(file as string),
  );
  addOptions(
    group
      .command('block-device')
      .description('from a block-device configuration (DIB_BLOCK_DEVICE_CONFIG), in any notation')
      .argument('<file>', 'file, or - for standard input'),
    async ([file]) => [await fromLayout(file as string)],
  );
}

type Reader = (args: readonly string[]) => Promise<readonly Imported[]>;

function addOptions(command: Command, read: Reader): void {
  command
    .option('-o, --output <file>', 'where to write it; - for standard output', 'image.yaml')
    .option('--force', 'replace a file that is there')
    .option('--json', 'print the diagnostics as JSON')
    .addHelpText(
      'after',
      '\nExit status: 0 if the image is valid as it was written, 1 if it needs work: the diagnostics say what.',
    )
    .action((argument: string | readonly string[], _options: unknown, self: Command) => {
      const options = self.optsWithGlobals<Options>();
      const args = typeof argument === 'string' ? [argument] : argument;
      return runCommand(options, async () => {
        return await writeAll(await read(args), options);
      });
    });
}

/** Throws what stands in the way; warnings are for later. */
function required<T>(checked: Checked<T>): T {
  if (checked.value === undefined) throw new DibError(checked.diagnostics);
  return checked.value;
}

async function readInput(file: string): Promise<SourceText> {
  const { decodeSource, readSource } = await import('../../config/read.ts');
  return required(file === '-' ? decodeSource(readFileSync(0), '<stdin>') : await readSource(file));
}

async function fromCommandLine(program: BuildRequest['program'], args: readonly string[]): Promise<Imported> {
  const [{ parseCommandLine }, { quoteCommand }] = await Promise.all([
    import('../../import/command-line.ts'),
    import('../../exec/quote.ts'),
  ]);
  const { settings, elements } = required(parseCommandLine(args));
  return await imported({
    program,
    settings,
    elements,
    environment: process.env,
    origin: [quoteCommand({ argv: [program, ...args] })],
  });
}

async function fromFrontEnd(file: string): Promise<readonly Imported[]> {
  const { parseFrontEnd } = await import('../../import/front-end.ts');
  return await Promise.all(required(parseFrontEnd(await readInput(file))).map(imported));
}

/** With its layout, which `DIB_BLOCK_DEVICE_CONFIG` gives as text or as `file://` and a path. */
async function imported(request: BuildRequest): Promise<Imported> {
  const [{ carryOver, elementsPathOf, namedElements }, { importLayout }, { SourceText: Source }, tree] = await Promise.all([
    import('../../import/carry-over.ts'),
    import('../../import/block-device.ts'),
    import('../../diagnostics/source-text.ts'),
    import('../../import/upstream-tree.ts'),
  ]);
  const found = tree.findUpstreamTree(tree.installationPrefixes(process.env));
  const upstream = tree.needOfUpstream(namedElements(request), elementsPathOf(request), found);
  const config = request.environment['DIB_BLOCK_DEVICE_CONFIG'] ?? '';
  if (config === '') return carryOver(request, undefined, upstream);
  const source = config.startsWith('file://')
    ? await readInput(config.slice('file://'.length))
    : new Source('DIB_BLOCK_DEVICE_CONFIG', config);
  return carryOver(request, required(importLayout(source)), upstream);
}

async function fromLayout(file: string): Promise<Imported> {
  const { importLayout } = await import('../../import/block-device.ts');
  const layout = required(importLayout(await readInput(file)));
  const { note } = await import('../../import/imported.ts');
  return {
    name: 'image',
    distro: { name: 'debian', release: 'bookworm' },
    elements: ['vm'],
    elementsPath: [],
    skipBase: false,
    packages: [],
    environment: {},
    blockDevice: layout,
    outputs: [{ format: 'qcow2' }],
    comments: {
      name: ['A layout says nothing of the rest: write here what the image is.'],
      block_device: [`From ${file === '-' ? 'standard input' : printable(file)}.`],
    },
    origin: [`block devices of ${file === '-' ? 'standard input' : printable(file)}`],
    notes: [note('Name, distro, elements and outputs are only a proposal: a block-device configuration does not say them')],
  };
}

async function writeAll(images: readonly Imported[], options: Options): Promise<ExitCode> {
  const { writeImage } = await import('../../import/write.ts');
  const output = options.output ?? 'image.yaml';
  const several = images.length > 1;
  const texts = images.map((image) => {
    const file = output === '-' ? '-' : resolve(several ? join(dirname(output), image.name, 'image.yaml') : output);
    const to = file === '-' ? process.cwd() : dirname(file);
    return { file, text: writeImage(image, { from: process.cwd(), to }) };
  });
  if (several && output === '-') severalOnOutput(images.length);
  refuseToReplace(texts, options);
  for (const { file, text } of texts) {
    if (file === '-') process.stdout.write(text);
    else {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      if (options.json !== true) process.stderr.write(`Wrote ${printable(file)}.\n`);
    }
  }
  const problems = await problemsOf(texts.map(({ file }) => file));
  await printDiagnostics([...images.flatMap(({ notes }) => notes), ...problems], options);
  return hasErrors(problems) ? ExitCode.Failed : ExitCode.Ok;
}

/** What `dib validate` says of the new files: better now than at the first plan. */
async function problemsOf(files: readonly string[]): Promise<readonly Diagnostic[]> {
  const [{ loadImage }, { debianArchitecture }, { checkMeaning }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../distros/architectures.ts'),
    import('../session.ts'),
  ]);
  const found = files
    .filter((file) => file !== '-')
    .map(async (file) => {
      const loaded = await loadImage(file, debianArchitecture());
      const image = loaded.value ?? loaded.salvaged;
      return [...loaded.diagnostics, ...(image === undefined ? [] : await checkMeaning(image))];
    });
  return (await Promise.all(found)).flat();
}

function severalOnOutput(count: number): never {
  fail({
    code: 'DIB_IMPORT_SEVERAL',
    summary: `The file describes ${count} images, which do not fit on standard output`,
    help: 'Leave out `--output -`: each image gets a directory of its name.',
  });
}

function refuseToReplace(texts: readonly { readonly file: string }[], options: Options): void {
  const there = texts.find(({ file }) => file !== '-' && existsSync(file));
  if (options.force === true || there === undefined) return;
  fail({
    code: 'DIB_IMPORT_EXISTS',
    summary: `There is a file ${quotedPath(there.file)} already`,
    help: 'Write elsewhere with `--output`, to standard output with `--output -`, or replace it with `--force`.',
  });
}
