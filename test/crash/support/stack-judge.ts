import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Machine } from '../../../src/exec/machine.ts';
import { umlBackend } from '../../../src/vm/uml.ts';
import { startMachine } from '../../../src/vm/vm-machine.ts';

const run = promisify(execFile);
const DESCRIBE = fileURLToPath(new URL('./describe-disks', import.meta.url));

/** What is on disks. */
export interface Description {
  /** Equal for equal disks. */
  readonly text: string;
  /** UUIDs by address, of what LVM chose them for. */
  readonly ids: Readonly<Record<string, string>>;
}

/** A kernel of its own that looks at copies of disks, one set after another. */
export class Judge {
  readonly #directory: string;
  readonly #machine: Machine;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, machine: Machine) {
    this.#directory = directory;
    this.#machine = machine;
  }

  static async open(): Promise<Judge> {
    const directory = mkdtempSync('/var/tmp/dib-judge-');
    return new Judge(directory, await startMachine(umlBackend, { scratch: directory, memory: 384 }));
  }

  describe(files: readonly string[]): Promise<Description> {
    const result = this.#last.then(() => this.#describe(files));
    this.#last = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    await this.#machine.close();
    rmSync(this.#directory, { recursive: true });
  }

  async #describe(files: readonly string[]): Promise<Description> {
    const copies = files.map((file) => join(this.#directory, basename(file)));
    try {
      for (const [index, file] of files.entries()) await run('cp', ['--sparse=always', file, copies[index] ?? '']);
      const { exitCode, stdout, stderr } = await this.#machine.run({ argv: [DESCRIBE, ...copies], okExitCodes: [0, 1] }, {});
      if (exitCode !== 0) throw new Error(`${DESCRIBE} ${files.join(' ')}:\n${stdout}${stderr}`);
      const lines = stdout.split('\n');
      const ids = lines.flatMap((line) => {
        const [word, address, id] = line.split(/ +/);
        return word === 'id' && address !== undefined && id !== undefined ? [[address, id.replaceAll('-', '')] as const] : [];
      });
      return { text: lines.filter((line) => !line.startsWith('id ')).join('\n'), ids: Object.fromEntries(ids) };
    } finally {
      for (const copy of copies) rmSync(copy, { force: true });
    }
  }
}
