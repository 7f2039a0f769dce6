import { access } from 'node:fs/promises';
import type { Command } from 'commander';
import { ExitCode, fail } from '../../diagnostics/errors.ts';
import { quotedPath } from '../../diagnostics/printable.ts';
import type { Plan } from '../../plan/plan.ts';
import type { State } from '../../state/state.ts';
import { type GlobalOptions, runCommand } from '../command.ts';
import { type ImageOptions, locateImage } from '../session.ts';

interface Options extends GlobalOptions, ImageOptions {}

/** `dib show [PLAN]`: a saved plan, or what the state holds. */
export function registerShow(program: Command): void {
  program
    .command('show')
    .description('print a saved plan, or what was built according to the state')
    .argument('[file]', 'saved plan, or image whose state is shown', 'image.yaml')
    .option('--json', 'print JSON')
    .option('--state-dir <dir>', 'directory of the state (default: .dib beside image.yaml)')
    .action((file: string, _options: unknown, self: Command) => {
      const options = self.optsWithGlobals<Options>();
      return runCommand(options, () => show(file, options));
    });
}

async function show(file: string, options: Options): Promise<ExitCode> {
  const [{ readPlanFile }, { colourFor }] = await Promise.all([import('../../plan/plan-file.ts'), import('../../ui/colour.ts')]);
  const plan = await readPlanFile(file);
  if (plan !== undefined) {
    const { renderPlan } = await import('../../ui/plan-text.ts');
    const text =
      options.json === true
        ? `${JSON.stringify(plan satisfies Plan, null, 2)}\n`
        : renderPlan(plan, colourFor(process.stdout, options.color), process.stdout.columns);
    process.stdout.write(text);
    return ExitCode.Ok;
  }
  const { paths } = locateImage(file, options);
  const { readState } = await import('../../state/store.ts');
  const state = await readState(paths.state);
  if (state === undefined) await nothing(file, paths.state);
  else if (options.json === true) process.stdout.write(`${JSON.stringify(state, null, 2)}\n`);
  else {
    const { renderState } = await import('../../ui/state-text.ts');
    process.stdout.write(renderState(state satisfies State, colourFor(process.stdout, options.color)));
  }
  return ExitCode.Ok;
}

async function nothing(file: string, stateDirectory: string): Promise<never> {
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  return fail({
    code: 'DIB_SHOW_NOTHING',
    summary: exists
      ? `There is no state in ${quotedPath(stateDirectory)}`
      : `There is neither a file ${quotedPath(file)} nor a state in ${quotedPath(stateDirectory)}`,
    help: 'Give a plan saved with `dib plan --out`, or build the image with `dib apply` first.',
  });
}
