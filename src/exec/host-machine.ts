import type { Machine } from './machine.ts';
import { createRunner } from './run.ts';

/** This machine's own kernel. `bootId`: of its present boot (random(4)). */
export function hostMachine(bootId: string): Machine {
  return {
    name: 'host',
    bootId,
    shared: true,
    run: (command, options) => createRunner(options).run(command),
    see: (file) => Promise.resolve(file),
    close: () => Promise.resolve(),
  };
}
