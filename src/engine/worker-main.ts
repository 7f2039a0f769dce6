import { buildRuntime } from './runtime.ts';
import { runWorker } from './worker-process.ts';

// The first program of a worker: argv[2] is the job file, standard input takes orders, standard output gives events.
const [, , jobFile] = process.argv;
if (jobFile === undefined) {
  process.stderr.write('This program is started by dib, with a job file.\n');
  process.exitCode = 64;
} else {
  process.exitCode = await runWorker(jobFile, buildRuntime, { stdin: process.stdin, stdout: process.stdout });
}
