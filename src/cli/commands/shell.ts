import type { Command } from 'commander';
import { type ExitCode, fail } from '../../diagnostics/errors.ts';
import { quoted } from '../../diagnostics/printable.ts';
import { suggestion } from '../../diagnostics/suggest.ts';
import type { ShellJob } from '../../engine/shell-main.ts';
import type { LayerOutputs } from '../../rootfs/tree.ts';
import type { State } from '../../state/state.ts';
import { type GlobalOptions, runCommand } from '../command.ts';
import { isRoot, locateImage, readPast } from '../session.ts';

interface ShellOptions extends GlobalOptions {
  readonly image: string;
  readonly layer: string;
  readonly stateDir?: string;
}

/** `dib shell`: a shell in a built layer, whose changes are thrown away. */
export function registerShell(program: Command): void {
  program
    .command('shell')
    .description('open a shell, or run a program, inside the built image; what it writes is thrown away')
    .argument('[program...]', 'program and its arguments, after `--`; default: a shell')
    .option('--image <file>', 'image.yaml', 'image.yaml')
    .option('--layer <address>', 'look into this layer, with those below it', 'layer.finalise')
    .option('--state-dir <dir>', 'directory of the state (default: .dib beside image.yaml)')
    .addHelpText('after', '\nIt has the network, and nothing else of the builder. The exit status is that of the program.')
    .action((argv: readonly string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ShellOptions>();
      return runCommand(options, () => shell(argv, options));
    });
}

async function shell(argv: readonly string[], options: ShellOptions): Promise<ExitCode> {
  const location = locateImage(options.image, options);
  const { state } = await readPast(location);
  const [{ readLayer }, { runInteractive }, { engineCommand, workerArgv }, { terminalJob }] = await Promise.all([
    import('../../rootfs/cache-layout.ts'),
    import('../../exec/interactive.ts'),
    import('../../workers/worker.ts'),
    import('../break-shell.ts'),
  ]);
  const layers = layersOf(options.layer, state);
  if (layers.some((id) => readLayer(location.paths.cache, id) === undefined)) notCached(options.layer);
  const term = process.env['TERM'] ?? 'dumb';
  const environment = [`TERM=${term}`, `PS1=(${options.layer}) \\w \\$ `, 'HOME=/root', 'LC_ALL=C.UTF-8', `PATH=${PATH}`];
  const interactive = process.stdin.isTTY === true;
  const program = argv.length > 0 ? argv : ['/bin/bash', '--norc', ...(interactive ? ['-i'] : [])];
  const job: ShellJob = {
    cache: location.paths.cache,
    layers,
    hostname: state?.image.name ?? 'image',
    argv: ['/usr/bin/env', '-i', ...environment, ...program],
  };
  const worker = isRoot() ? 'host' : 'userns';
  const command = [...engineCommand('shell-main'), JSON.stringify(job)];
  return (await runInteractive([...terminalJob(), ...workerArgv(worker, { operation: 'apply' }, command)])) as ExitCode;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function layersOf(address: string, state: State | undefined): readonly string[] {
  const built = (state?.resources ?? []).filter(({ kind, status }) => kind === 'layer' && status === 'created');
  const found = built.find((resource) => resource.address === address)?.outputs as Partial<LayerOutputs> | undefined;
  if (found?.layers !== undefined) return found.layers;
  const addresses = built.map((resource) => resource.address);
  return fail({
    code: 'DIB_SHELL_NO_LAYER',
    summary: `There is no built layer ${quoted(address)}`,
    detail: addresses.length === 0 ? 'Nothing of the image is built.' : undefined,
    help: addresses.length === 0 ? 'Run `dib apply` first.' : suggestion(address, addresses, 'Built are'),
  });
}

function notCached(address: string): never {
  fail({
    code: 'DIB_SHELL_NOT_CACHED',
    summary: `The cache no longer has the layer ${quoted(address)}, or one below it`,
    help: `\`dib apply --replace ${address}\` makes it anew.`,
  });
}
