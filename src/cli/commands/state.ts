import type { Command } from 'commander';
import { ExitCode } from '../../diagnostics/errors.ts';
import type { RecordedResource } from '../../kinds/kind.ts';
import type { State } from '../../state/state.ts';
import { type GlobalOptions, parseDuration, runCommand } from '../command.ts';
import { type ImageOptions, type Location, locateImage } from '../session.ts';

interface Options extends GlobalOptions, ImageOptions {
  readonly image: string;
  readonly lockTimeout?: number;
}

/** `dib state list|show|rm|import`: what dib has recorded of an image. */
export function registerState(program: Command): void {
  const state = program.command('state').description('look at and mend what dib has recorded of an image');
  command(state, 'list', 'print the addresses of all recorded resources').action((_options: unknown, self: Command) =>
    run(self, (options) => list(options)),
  );
  command(state, 'show', 'print all that is recorded of one resource')
    .argument('<address>', 'such as local_loop.image0')
    .action((address: string, _options: unknown, self: Command) => run(self, (options) => show(address, options)));
  command(state, 'rm', 'forget resources; what they stand for stays as it is')
    .argument('<address...>', 'such as local_loop.image0')
    .option('--dry-run', 'only say what would be forgotten')
    .option('--force', 'forget also what is attached to this machine')
    .option('--lock-timeout <duration>', 'wait so long for the state lock', parseDuration, 0)
    .action((addresses: string[], _options: unknown, self: Command) =>
      run(self, async (options) => (await import('./state-rm.ts')).forget(addresses, options)),
    );
  command(state, 'import', 'adopt a file or disk that is there already as a resource of the image; it is not touched')
    .argument('<address>', 'output.NAME, local_loop.NAME or disk.NAME, as the image declares it')
    .argument('<path>', 'the file or disk')
    .option('--lock-timeout <duration>', 'wait so long for the state lock', parseDuration, 0)
    .action((address: string, path: string, _options: unknown, self: Command) =>
      run(self, async (options) => (await import('./state-import.ts')).importObject(address, path, options)),
    );
}

function command(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('--image <file>', 'image whose state is meant', 'image.yaml')
    .option('--state-dir <dir>', 'directory of the state (default: .dib beside image.yaml)')
    .option('--json', 'print JSON');
}

function run(self: Command, body: (options: Options) => Promise<ExitCode>): Promise<void> {
  const options = self.optsWithGlobals<Options>();
  return runCommand(options, () => body(options));
}

async function list(options: Options): Promise<ExitCode> {
  const { resources } = await read(locateImage(options.image, options));
  if (options.json === true) {
    const rows = resources.map(({ address, kind, status, attachment }) => ({
      address,
      kind,
      status,
      attached: attachment?.status === 'attached',
    }));
    process.stdout.write(`${JSON.stringify({ format_version: '1.0', resources: rows }, null, 2)}\n`);
  } else {
    for (const resource of resources) process.stdout.write(`${resource.address}${remark(resource)}\n`);
  }
  return ExitCode.Ok;
}

function remark(resource: RecordedResource): string {
  const remarks = [resource.status === 'created' ? undefined : resource.status, resource.attachment?.status].filter(
    (each) => each !== undefined,
  );
  return remarks.length === 0 ? '' : ` (${remarks.join(', ')})`;
}

async function show(address: string, options: Options): Promise<ExitCode> {
  const [state, { find }] = await Promise.all([read(locateImage(options.image, options)), import('./state-rm.ts')]);
  const resource = find(address, state);
  process.stdout.write(`${JSON.stringify(resource, null, 2)}\n`);
  return ExitCode.Ok;
}

async function read(location: Location): Promise<State> {
  const [{ readState }, { failWithoutState }] = await Promise.all([import('../../state/store.ts'), import('../locked-state.ts')]);
  return (await readState(location.paths.state)) ?? failWithoutState(location.paths.state);
}
