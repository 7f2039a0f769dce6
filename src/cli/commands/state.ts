import type { Command } from 'commander';
import { ExitCode, fail } from '../../diagnostics/errors.ts';
import { quoted, quotedPath } from '../../diagnostics/printable.ts';
import type { RecordedResource } from '../../kinds/kind.ts';
import type { State } from '../../state/state.ts';
import { type GlobalOptions, parseDuration, runCommand } from '../command.ts';
import { type ImageOptions, type Location, locateImage } from '../session.ts';
import { dibVersion } from '../version.ts';

interface Options extends GlobalOptions, ImageOptions {
  readonly image: string;
  readonly lockTimeout?: number;
}

/** `dib state list|show|rm`: what dib has recorded of an image. */
export function registerState(program: Command): void {
  const state = program.command('state').description('look at and mend what dib has recorded of an image');
  command(state, 'list', 'print the addresses of all recorded resources').action((_options: unknown, self: Command) =>
    run(self, (options) => list(options)),
  );
  command(state, 'show', 'print all that is recorded of one resource')
    .argument('<address>', 'such as local_loop.image0')
    .action((address: string, _options: unknown, self: Command) => run(self, (options) => show(address, options)));
  command(state, 'rm', 'forget a resource; what it stands for stays as it is')
    .argument('<address...>', 'such as local_loop.image0')
    .option('--lock-timeout <duration>', 'wait so long for the state lock', parseDuration, 0)
    .action((addresses: string[], _options: unknown, self: Command) => run(self, (options) => forget(addresses, options)));
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
  const { resources } = await read(locateImage(options.image, options));
  const resource = resources.find((each) => each.address === address) ?? unknown(address);
  process.stdout.write(`${JSON.stringify(resource, null, 2)}\n`);
  return ExitCode.Ok;
}

async function forget(addresses: readonly string[], options: Options): Promise<ExitCode> {
  const location = locateImage(options.image, options);
  const [{ lockState }, { openState }, { readHost }, { removeResource }] = await Promise.all([
    import('../../state/lock.ts'),
    import('../../state/store.ts'),
    import('../../state/host.ts'),
    import('../../state/transitions.ts'),
  ]);
  const { image } = await read(location);
  const lock = await lockState(location.paths.state, {
    operation: 'state rm',
    timeout: options.lockTimeout,
    onWait: (message) => process.stderr.write(`${message}\n`),
  });
  try {
    const store = await openState(location.paths.state, { dibVersion: dibVersion(), image, host: await readHost() });
    for (const address of addresses) {
      if (!store.current.resources.some((each) => each.address === address)) unknown(address);
      await store.update((state) => removeResource(state, address));
      process.stderr.write(`Forgot ${address}; what it stands for is as it was.\n`);
    }
  } finally {
    await lock.release();
  }
  return ExitCode.Ok;
}

async function read(location: Location): Promise<State> {
  const { readState } = await import('../../state/store.ts');
  return (
    (await readState(location.paths.state)) ??
    fail({
      code: 'DIB_STATE_NONE',
      summary: `There is no state in ${quotedPath(location.paths.state)}`,
      help: 'The first `dib apply` makes one. Give `--image` or `--state-dir` if it lies elsewhere.',
    })
  );
}

function unknown(address: string): never {
  return fail({
    code: 'DIB_STATE_UNKNOWN_ADDRESS',
    summary: `The state has no resource ${quoted(address, 200)}`,
    help: 'See `dib state list` for the addresses.',
  });
}
