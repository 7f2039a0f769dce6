import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { ExitCode } from '../../diagnostics/errors.ts';
import type { CachedLayer } from '../../rootfs/cache-layout.ts';
import { type GlobalOptions, runCommand } from '../command.ts';
import { cacheDirectory, isRoot } from '../session.ts';

interface PruneOptions extends GlobalOptions {
  readonly maxSize?: number;
  readonly all?: boolean;
}

/** `dib cache list|prune`: the layers that images share. */
export function registerCache(program: Command): void {
  const cache = program
    .command('cache')
    .description('look at and prune the cache of layers and downloads (DIB_IMAGE_CACHE, or dib in the XDG cache directory)');
  cache
    .command('list')
    .description('print the cached layers, the one used last first')
    .option('--json', 'print JSON')
    .action((_options: unknown, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions>();
      return runCommand(options, () => list(options));
    });
  cache
    .command('prune')
    .description('remove layers and downloads, least recently used first; never what a running build uses')
    .option('--max-size <size>', 'keep at most this much, such as 5GiB (default: DIB_CACHE_MAX_SIZE or 20GiB)', parseBytes)
    .option('--all', 'keep nothing')
    .option('--json', 'print JSON')
    .action((_options: unknown, self: Command) => {
      const options = self.optsWithGlobals<PruneOptions>();
      return runCommand(options, () => prune(options));
    });
}

async function list(options: GlobalOptions): Promise<ExitCode> {
  const [{ listLayers }, { listDownloads }] = await Promise.all([
    import('../../rootfs/cache-layout.ts'),
    import('../../rootfs/package-pool.ts'),
  ]);
  const directory = cacheDirectory();
  const layers = listLayers(directory);
  const files = listDownloads(directory);
  const downloads = { files: files.length, size: files.reduce((sum, { size }) => sum + size, 0) };
  if (options.json === true)
    process.stdout.write(`${JSON.stringify({ format_version: '1.0', directory, layers, downloads }, null, 2)}\n`);
  else process.stdout.write(await table(layers, downloads));
  return ExitCode.Ok;
}

interface Downloads {
  readonly files: number;
  /** Bytes on disk. */
  readonly size: number;
}

async function table(layers: readonly CachedLayer[], downloads: Downloads): Promise<string> {
  const [{ default: Table }, { default: prettyBytes }] = await Promise.all([import('cli-table3'), import('pretty-bytes')]);
  const plain = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
  };
  const inner = { left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' };
  const rows = new Table({
    head: ['LAYER', 'SIZE', 'LAST USED', 'WHAT'],
    chars: { ...plain, ...inner },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const layer of layers) {
    const used = new Date(layer.lastUsed).toISOString().slice(0, 16).replace('T', ' ');
    rows.push([layer.id.slice(0, 12), prettyBytes(layer.size, { binary: true }), used, layer.description]);
  }
  const total = layers.reduce((sum, layer) => sum + layer.size, 0);
  const bytes = (size: number) => prettyBytes(size, { binary: true });
  const rest = downloads.files === 0 ? '' : `; ${downloads.files} downloads, ${bytes(downloads.size)}`;
  return `${rows.toString()}\n${layers.length} layers, ${bytes(total)}${rest} in ${cacheDirectory()}\n`;
}

async function prune(options: PruneOptions): Promise<ExitCode> {
  const directory = cacheDirectory();
  const removed = existsSync(directory) ? await pruneInWorker(directory, options) : [];
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ format_version: '1.0', removed }, null, 2)}\n`);
    return ExitCode.Ok;
  }
  const { default: prettyBytes } = await import('pretty-bytes');
  const freed = removed.reduce((sum, layer) => sum + layer.size, 0);
  process.stdout.write(`Removed ${removed.length} layers, ${prettyBytes(freed, { binary: true })}.\n`);
  return ExitCode.Ok;
}

/** The files belong to the ids of a worker: only a worker may remove them. */
async function pruneInWorker(directory: string, options: PruneOptions): Promise<readonly CachedLayer[]> {
  const [{ engineCommand, workerArgv }, { createRunner }, { cacheLimit }] = await Promise.all([
    import('../../workers/worker.ts'),
    import('../../exec/run.ts'),
    import('../../rootfs/cache-limit.ts'),
  ]);
  const limit = options.all === true ? 'all' : String(options.maxSize ?? cacheLimit());
  const argv = workerArgv(isRoot() ? 'host' : 'userns', { operation: 'apply' }, [
    ...engineCommand('prune-main'),
    directory,
    limit,
  ]);
  const { stdout } = await createRunner().run({ argv });
  return JSON.parse(stdout) as CachedLayer[];
}

function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Give a number with MiB, GiB or TiB, such as 5GiB.');
  const power = ['B', 'KiB', 'MiB', 'GiB', 'TiB'].indexOf(match[2] as string);
  return Math.trunc(Number(match[1]) * 1024 ** power);
}
