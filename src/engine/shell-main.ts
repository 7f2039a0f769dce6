import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DibError } from '../diagnostics/errors.ts';
import { runInteractive } from '../exec/interactive.ts';
import { createRunner } from '../exec/run.ts';
import { LayerCache } from '../rootfs/cache.ts';
import { lendFiles, sandboxArguments } from '../rootfs/sandbox.ts';
import { openScratch } from '../rootfs/scratch.ts';
import { chooseSnapshotter } from '../rootfs/snapshot.ts';

/** What `dib shell` asks for, as JSON in the first argument. */
export interface ShellJob {
  readonly cache: string;
  /** Ids of the layers, lowest first. */
  readonly layers: readonly string[];
  readonly hostname: string;
  readonly argv: readonly string[];
}

// Runs inside a worker, because only the mapping that owns the cache may mount its layers and write above them.
const [, , job] = process.argv;
if (job === undefined) {
  process.stderr.write('This program is started by dib, with a job.\n');
  process.exitCode = 64;
} else {
  try {
    process.exitCode = await runAbove(JSON.parse(job) as ShellJob);
  } catch (error) {
    if (!(error instanceof DibError)) throw error;
    for (const { summary, detail = '', help = '' } of error.diagnostics) process.stderr.write(`${summary}\n${detail}\n${help}\n`);
    process.exitCode = error.exitCode;
  }
}

/** Runs a program in the tree of the layers; what it writes goes to a building of the cache that is never committed. Gives its exit status. */
async function runAbove({ cache: directory, layers, hostname, argv }: ShellJob): Promise<number> {
  const cache = await LayerCache.open(directory);
  await cache.pin(layers);
  const scratch = join(directory, 'scratch', `shell-${randomUUID()}`);
  const held = await openScratch(scratch);
  const building = await cache.begin();
  try {
    const snapshotter = await chooseSnapshotter(directory, scratch, createRunner(), () => {});
    const { root, close } = await snapshotter.write(building, layers);
    const run = join(scratch, 'run');
    mkdirSync(join(run, 'lock'), { recursive: true, mode: 0o755 });
    const loan = lendFiles(root);
    try {
      const libexec = fileURLToPath(new URL('../../libexec', import.meta.url));
      const sandbox = { libexec, root, run, report: join(scratch, 'left-running'), hostname, terminal: true };
      return await runInteractive(sandboxArguments(sandbox, argv));
    } finally {
      loan.end();
      await close();
    }
  } finally {
    await cache.discard(building);
    await held.close();
  }
}
