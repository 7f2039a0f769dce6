import path from 'node:path';
import type { Command } from 'commander';
import type { LoadedImage } from '../../config/image.ts';
import { type Diagnostic, hasErrors } from '../../diagnostics/diagnostic.ts';
import { ExitCode } from '../../diagnostics/errors.ts';
import { type GlobalOptions, runCommand } from '../command.ts';

export interface ValidateDependencies {
  /** Finds what needs the elements and the block devices to be expanded. Without it, only the file itself is checked. */
  readonly checkMeaning?: ((image: LoadedImage) => Promise<readonly Diagnostic[]>) | undefined;
  /** Debian's name of this machine's architecture. */
  readonly hostArch?: string | undefined;
}

/** What is known of one file after checking it. */
interface FileResult {
  /** As the user wrote it. */
  readonly file: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Adds `dib validate [FILE...] [--json]`: checks images without root, network or host tools. Exit status 0, or 1 if any file has errors. */
export function registerValidate(program: Command, dependencies: ValidateDependencies = {}): void {
  program
    .command('validate')
    .description('check image.yaml files: syntax, shape and meaning, all problems at once')
    .argument('[file...]', 'images to check', ['image.yaml'])
    .option('--json', 'print the diagnostics as JSON, in the shape of terraform validate -json')
    .action(async (files: readonly string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await runCommand(options, () => validateFiles(files, options, dependencies));
    });
}

async function validateFiles(
  files: readonly string[],
  options: GlobalOptions,
  dependencies: ValidateDependencies,
): Promise<ExitCode> {
  const results: FileResult[] = [];
  for (const file of files) results.push({ file, diagnostics: await checkFile(file, dependencies) });
  if (options.json === true) await printJson(results);
  else await printText(results, options);
  return results.some((result) => hasErrors(result.diagnostics)) ? ExitCode.Failed : ExitCode.Ok;
}

async function checkFile(file: string, dependencies: ValidateDependencies): Promise<readonly Diagnostic[]> {
  const [{ loadImage }, { debianArchitecture }, { capDiagnostics, sortDiagnostics }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../distros/architectures.ts'),
    import('../../diagnostics/order.ts'),
  ]);
  const loaded = await loadImage(file, dependencies.hostArch ?? debianArchitecture());
  const image = loaded.value ?? loaded.salvaged;
  if (image === undefined || dependencies.checkMeaning === undefined) return loaded.diagnostics;
  const deep = await dependencies.checkMeaning(image);
  return capDiagnostics(sortDiagnostics([...loaded.diagnostics, ...deep]));
}

async function printJson(results: readonly FileResult[]): Promise<void> {
  const { jsonReport } = await import('../../report/json.ts');
  const report = jsonReport(results.flatMap((result) => result.diagnostics));
  const counts = results.map((result) => {
    const { valid, error_count, warning_count } = jsonReport(result.diagnostics);
    return { filename: path.normalize(result.file), valid, error_count, warning_count };
  });
  // Several files: one document still, with the verdict of each.
  const document = results.length > 1 ? { ...report, files: counts } : report;
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

async function printText(results: readonly FileResult[], options: GlobalOptions): Promise<void> {
  const troubled = results.some((result) => result.diagnostics.length > 0);
  const ui = troubled ? await import('../../ui/diagnostics.ts') : undefined;
  const { colourFor } = await import('../../ui/colour.ts');
  const { printable } = await import('../../diagnostics/printable.ts');
  const out = colourFor(process.stdout, options.color);
  const err = colourFor(process.stderr, options.color);
  for (const { file, diagnostics } of results) {
    if (ui !== undefined && diagnostics.length > 0) {
      const width = process.stderr.columns;
      process.stderr.write(`${ui.renderDiagnostics(diagnostics, { colour: err, width })}\n`);
    }
    const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length;
    const warnings = diagnostics.length - errors;
    const name = printable(file);
    if (errors > 0) {
      const also = warnings > 0 ? ` and ${count(warnings, 'warning')}` : '';
      process.stderr.write(`${err.red.bold('Failed!')} ${name} has ${count(errors, 'error')}${also}.\n`);
    } else {
      const but = warnings > 0 ? `, but there ${warnings === 1 ? 'is' : 'are'} ${count(warnings, 'warning')}` : '';
      process.stdout.write(`${out.green.bold('Success!')} ${name} is valid${but}.\n`);
    }
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
