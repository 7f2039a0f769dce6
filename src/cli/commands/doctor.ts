import type { Command } from 'commander';
import { ExitCode } from '../../diagnostics/errors.ts';
import { type GlobalOptions, runCommand } from '../command.ts';

interface DoctorOptions extends GlobalOptions {
  readonly install?: boolean;
}

/** `dib doctor`: what this host has and lacks. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'list the host tools and kernel features that dib uses: found or missing, what needs them, the package that has them',
    )
    .option('--install', 'install what is missing for building and booting images (as root; otherwise print the command)')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExit status: 0 if everything that the default build needs is there, 69 otherwise.')
    .action((_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<DoctorOptions>();
      return runCommand(options, () => doctor(options));
    });
}

async function doctor(options: DoctorOptions): Promise<ExitCode> {
  const [{ examineHost, missingPackages }, { renderDoctor }, { installLine, installPackages }] = await Promise.all([
    import('../../doctor/doctor.ts'),
    import('../../doctor/render.ts'),
    import('../../doctor/install.ts'),
  ]);
  let report = await examineHost();
  const missing = missingPackages(report, ['build', 'optional']);
  if (options.install === true && missing.length > 0 && report.root) {
    await installPackages(missing);
    report = await examineHost();
  }
  const left = missingPackages(report, ['build', 'optional']);
  const install = left.length === 0 ? undefined : installLine(left, report.root);
  if (options.json === true) {
    process.stdout.write(
      `${JSON.stringify({ format_version: '1.0', ...jsonReport(report), install: install ?? null }, null, 2)}\n`,
    );
  } else {
    process.stdout.write(renderDoctor(report, install));
  }
  return report.ok ? ExitCode.Ok : ExitCode.Unavailable;
}

function jsonReport({
  root,
  ok,
  tools,
  features,
}: Awaited<ReturnType<typeof import('../../doctor/doctor.ts').examineHost>>): object {
  return {
    ok,
    root,
    tools: tools.map(({ tool, needed, path, version }) => ({
      name: tool.name,
      kind: tool.kind,
      package: tool.package,
      why: tool.why,
      needed,
      found: path !== undefined,
      path: path ?? null,
      version: version ?? null,
    })),
    features,
  };
}
