import { type Command, Option } from 'commander';
import { ExitCode } from '../../diagnostics/errors.ts';
import { GRAPH_FORMATS, type GraphFormat } from '../../graph/render.ts';
import { type GlobalOptions, printDiagnostics, runCommand } from '../command.ts';
import { type ImageOptions, locateImage, readImage, readPast } from '../session.ts';

interface Options extends GlobalOptions, ImageOptions {
  readonly format: GraphFormat;
}

/** `dib graph`: what depends on what. */
export function registerGraph(program: Command): void {
  program
    .command('graph')
    .description('print the resources of an image and what each depends on')
    .argument('[file]', 'image', 'image.yaml')
    .addOption(new Option('--format <format>', 'text, Graphviz, Mermaid or JSON').choices(GRAPH_FORMATS).default('text'))
    .option('--json', 'the same as --format json')
    .option('--state-dir <dir>', 'directory of the state (default: .dib beside image.yaml)')
    .action((file: string, _options: unknown, self: Command) => {
      const options = self.optsWithGlobals<Options>();
      return runCommand(options, async () => {
        const [{ read, warnings }, { past }, { expand }, { chooseRealisations }, { renderGraph }] = await Promise.all([
          readImage(file),
          readPast(locateImage(file, options)),
          import('../../plan/expand.ts'),
          import('../../plan/worker-choice.ts'),
          import('../../graph/render.ts'),
        ]);
        if (options.json !== true) await printDiagnostics(warnings, options);
        const chosen = Object.entries(chooseRealisations(read.image.devices, undefined));
        const realisation = Object.fromEntries(chosen.map(([disk, { name }]) => [disk, name]));
        const { resources } = expand(read.image, { facts: past.facts, realisation, places: read.places });
        process.stdout.write(renderGraph(resources, options.json === true ? 'json' : options.format));
        return ExitCode.Ok;
      });
    });
}
