import { defineConfig } from 'vitest/config';

/** Tests of the real thing run one after another; `npm test` runs some of these projects beside each other. */
const real = { fileParallelism: false, testTimeout: 900_000, hookTimeout: 900_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,golden,cli}/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      { test: { name: 'property', include: ['test/property/**/*.test.ts'], testTimeout: 60_000 } },
      { test: { name: 'system', include: ['test/system/**/*.test.ts'], ...real } },
      { test: { name: 'crash', include: ['test/crash/**/*.test.ts'], ...real } },
      { test: { name: 'vm', include: ['test/vm/**/*.test.ts'], ...real } },
      { test: { name: 'boot', include: ['test/boot/**/*.test.ts'], ...real } },
    ],
  },
});
