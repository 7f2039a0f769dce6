import { defineConfig } from 'vitest/config';

const system = { fileParallelism: false, testTimeout: 900_000, hookTimeout: 900_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,property,golden,cli}/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      { test: { name: 'system', include: ['test/system/**/*.test.ts'], ...system } },
      { test: { name: 'crash', include: ['test/crash/**/*.test.ts'], ...system } },
      { test: { name: 'vm', include: ['test/vm/**/*.test.ts'], ...system } },
      // An emulated machine starting up keeps little more than one processor busy.
      { test: { name: 'boot', include: ['test/boot/**/*.test.ts'], ...system, fileParallelism: true, maxWorkers: 2 } },
    ],
  },
});
