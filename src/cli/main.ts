import { Command, CommanderError } from 'commander';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { ExitCode } from '../diagnostics/errors.ts';
import { type GlobalOptions, printDiagnostics } from './command.ts';
import { registerApply } from './commands/apply.ts';
import { registerAttach } from './commands/attach.ts';
import { registerBoot } from './commands/boot.ts';
import { registerCache } from './commands/cache.ts';
import { registerDestroy } from './commands/destroy.ts';
import { registerDetach } from './commands/detach.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerElements } from './commands/elements.ts';
import { registerGraph } from './commands/graph.ts';
import { registerImport } from './commands/import.ts';
import { registerPlan } from './commands/plan.ts';
import { registerShell } from './commands/shell.ts';
import { registerShow } from './commands/show.ts';
import { registerState } from './commands/state.ts';
import { registerValidate } from './commands/validate.ts';
import { checkMeaning } from './session.ts';
import { dibVersion } from './version.ts';

/** The whole command line; exported so that tests and completion can walk it. */
export function buildProgram(): Command {
  const program = new Command('dib')
    .description('Terraform for operating-system images: plan, apply and destroy disk images described in image.yaml')
    .version(dibVersion(), '--version', 'print the version')
    .option('-C <dir>', 'change to this directory first')
    .option('--color <when>', 'colour: auto, always or never', 'auto')
    .option('--debug', 'print the stack of a bug')
    .showHelpAfterError('(run with --help for usage)')
    .showSuggestionAfterError();
  registerValidate(program, { checkMeaning });
  for (const register of [
    registerPlan,
    registerApply,
    registerDestroy,
    registerShow,
    registerGraph,
    registerElements,
    registerState,
    registerAttach,
    registerDetach,
    registerCache,
    registerBoot,
    registerShell,
    registerImport,
    registerDoctor,
  ]) {
    register(program);
  }
  program.hook('preAction', () => {
    const directory = (program.opts() as { C?: string }).C;
    if (directory !== undefined) process.chdir(directory);
  });
  for (const command of [program, ...allCommands(program)]) quiet(command);
  return program;
}

function allCommands(program: Command): Command[] {
  return program.commands.flatMap((command) => [command, ...allCommands(command)]);
}

/** Commander's own messages are printed by main, in the form that was asked for. */
function quiet(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => {}, outputError: () => {} });
}

/** Runs the command line; sets process.exitCode. */
export async function main(argv: readonly string[]): Promise<void> {
  // A reader that stops early (`dib plan | head`) is no failure of dib.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const program = buildProgram();
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) return await failed(error, argv);
    if (error.exitCode === 0) return;
    process.exitCode = ExitCode.Usage;
    const summary =
      error.message === '(outputHelp)' ? 'A command is missing' : error.message.replace(/^error: /, '').split('\n')[0];
    const hint = /\(Did you mean .*\)/.exec(error.message)?.[0];
    const diagnostic: Diagnostic = {
      code: 'DIB_CLI_USAGE',
      severity: 'error',
      summary: `${summary ?? 'Wrong usage'}${hint === undefined ? '' : ` ${hint}`}`,
      help: 'See `dib --help`, or `dib COMMAND --help`.',
    };
    if (!printsEvents(argv)) return await printDiagnostics([diagnostic], optionsFrom(argv));
    const { sayEvent } = await import('./run-plan.ts');
    sayEvent(optionsFrom(argv), { type: 'diagnostic', diagnostic }, diagnostic.summary, 'error');
  }
}

async function failed(error: unknown, argv: readonly string[]): Promise<void> {
  const { reportFailure } = await import('./command.ts');
  process.exitCode = await reportFailure(error, optionsFrom(argv));
}

/** With --json, `apply` and `destroy` print one event a line, also of wrong usage. */
function printsEvents(argv: readonly string[]): boolean {
  const command = argv.slice(2).find((word, index, words) => !word.startsWith('-') && words[index - 1] !== '-C');
  return argv.includes('--json') && (command === 'apply' || command === 'destroy');
}

/** Before the command line is understood, only its plain flags can be. */
function optionsFrom(argv: readonly string[]): GlobalOptions {
  return { json: argv.includes('--json'), debug: argv.includes('--debug') };
}
