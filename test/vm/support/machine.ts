import { mkdtempSync, rmSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';
import type { Machine } from '../../../src/exec/machine.ts';
import { umlBackend } from '../../../src/vm/uml.ts';
import { startMachine } from '../../../src/vm/vm-machine.ts';

/** A kernel with device-mapper and md, which looks at what dib wrote into files. */
export interface Judge {
  /** Directory for files; gone at the end. */
  readonly directory: string;
  /** Runs a command in the machine and gives its standard output, without the last newline; throws if it fails. */
  run(...argv: string[]): Promise<string>;
  /** Standard output and standard error. */
  runAll(...argv: string[]): Promise<string>;
  /** Rows of `pvs`, `vgs` or `lvs`, sizes in bytes. */
  report(command: 'pvs' | 'vgs' | 'lvs', columns: string, ...more: string[]): Promise<Record<string, string>[]>;
  /** The machine itself, during tests. */
  machine(): Machine;
  /** Makes a file a loop device, with its partitions (partitions by /dev/loopNpM). */
  loop(file: string, sectorSize?: number): Promise<string>;
}

/** lvmreport(7): one part for each command, in it rows by the name of what is reported. */
interface Report {
  readonly report: readonly Record<string, readonly Record<string, string>[]>[];
}

/** Boots user-mode Linux once for all tests of a file. `memory`: in MiB. */
export function useMachine(memory = 512): Judge {
  const directory = mkdtempSync('/var/tmp/dib-vm-test-');
  let machine: Machine | undefined;
  beforeAll(async () => {
    machine = await startMachine(umlBackend, { scratch: directory, memory });
  });
  afterAll(async () => {
    await machine?.close();
    rmSync(directory, { recursive: true });
  });
  const running = (): Machine => {
    if (machine === undefined) throw new Error('the machine is only there during tests');
    return machine;
  };
  const call = async (argv: readonly string[]) => {
    const result = await running().run({ argv, okExitCodes: Array.from({ length: 256 }, (_, code) => code) }, {});
    const { exitCode, stdout, stderr } = result;
    if (exitCode !== 0) throw new Error(`${argv.join(' ')}: exit status ${exitCode}\n${stdout}${stderr}`);
    return result;
  };
  return {
    directory,
    machine: running,
    run: async (...argv) => (await call(argv)).stdout.trimEnd(),
    runAll: async (...argv) => {
      const { stdout, stderr } = await call(argv);
      return stdout + stderr;
    },
    report: async (command, columns, ...more) => {
      const form = ['--reportformat', 'json', '--units', 'b', '--nosuffix', '--options', columns];
      const { report } = JSON.parse((await call([command, ...form, ...more])).stdout) as Report;
      return report.flatMap((part) => Object.values(part).flat());
    },
    loop: async (file, sectorSize = 512) => {
      const seen = await machine?.see(file);
      const argv = ['losetup', '--find', '--show', '--partscan', '--sector-size', String(sectorSize), seen ?? file];
      return (await call(argv)).stdout.trim();
    },
  };
}
