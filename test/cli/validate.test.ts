import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { registerValidate, type ValidateDependencies } from '../../src/cli/commands/validate.ts';

const GOOD = 'apiVersion: dib/v1\nname: web\ndistro: { name: debian, release: bookworm }\n';
const before = process.cwd();
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'dib-validate-'));
  process.chdir(directory);
});
afterEach(() => {
  process.chdir(before);
  rmSync(directory, { recursive: true });
  vi.restoreAllMocks();
});

/** Runs the command in this process: what it prints, and the status it sets. */
async function validate(args: readonly string[], dependencies?: ValidateDependencies) {
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    });
  }
  const program = new Command('dib').option('--color <when>', 'colour', 'auto').exitOverride();
  registerValidate(program, dependencies);
  try {
    await program.parseAsync(['node', 'dib', '--color', 'never', 'validate', ...args]);
    return { ...printed, status: process.exitCode };
  } finally {
    process.exitCode = undefined;
    vi.restoreAllMocks();
  }
}

describe('dib validate', () => {
  test('image.yaml here, by default', async () => {
    writeFileSync('image.yaml', GOOD);
    expect(await validate([])).toEqual({ stdout: 'Success! image.yaml is valid.\n', stderr: '', status: 0 });
  });

  test('an error', async () => {
    writeFileSync('image.yaml', `${GOOD}element: [vm]\n`);
    expect(await validate([])).toEqual({
      stdout: '',
      stderr: `error[DIB_CONFIG_UNKNOWN_KEY]: \`element\` is not a key of the image
  --> image.yaml:4:1
 2 | name: web
 3 | distro: { name: debian, release: bookworm }
 4 | element: [vm]
   | ^^^^^^^
  Unknown keys are refused, because a mistyped one would be ignored in silence.
  help: Did you mean \`elements\`?

Failed! image.yaml has 1 error.
`,
      status: 1,
    });
  });

  test('a warning alone is no failure', async () => {
    writeFileSync('image.yaml', `${GOOD}packages: [curl, curl]\n`);
    const { stdout, stderr, status } = await validate([]);
    expect(stdout).toBe('Success! image.yaml is valid, but there is 1 warning.\n');
    expect(stderr).toContain('warning[DIB_CONFIG_DUPLICATE]: The package `curl` is there twice\n');
    expect(status).toBe(0);
  });

  test('no file', async () => {
    expect(await validate([])).toEqual({
      stdout: '',
      stderr: `error[DIB_CONFIG_NOT_FOUND]: There is no file \`image.yaml\`
  help: Give the path of an image.yaml, or change to its directory.

Failed! image.yaml has 1 error.
`,
      status: 1,
    });
  });

  test('several files: each has its verdict, one failure is enough', async () => {
    writeFileSync('a.yaml', GOOD);
    writeFileSync('b.yaml', `${GOOD}x: 1\n`);
    const { stdout, stderr, status } = await validate(['a.yaml', 'b.yaml']);
    expect(stdout).toBe('Success! a.yaml is valid.\n');
    expect(stderr).toContain('--> b.yaml:4:1\n');
    expect(stderr).toContain('Failed! b.yaml has 1 error.\n');
    expect(status).toBe(1);
  });

  test('JSON of one file', async () => {
    writeFileSync('image.yaml', GOOD);
    const { stdout, stderr, status } = await validate(['--json']);
    expect(JSON.parse(stdout)).toEqual({ format_version: '1.0', valid: true, error_count: 0, warning_count: 0, diagnostics: [] });
    expect([stderr, status]).toEqual(['', 0]);
  });

  test('JSON of several files, one of them missing, is one document', async () => {
    writeFileSync('a.yaml', GOOD);
    writeFileSync('b.yaml', `${GOOD}packages: [curl, curl]\nx: 1\n`);
    const { stdout, stderr, status } = await validate(['--json', 'a.yaml', 'b.yaml', 'c.yaml']);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ format_version: '1.0', valid: false, error_count: 2, warning_count: 1 });
    expect(report.diagnostics.map((one: { code: string }) => one.code)).toEqual([
      'DIB_CONFIG_DUPLICATE',
      'DIB_CONFIG_UNKNOWN_KEY',
      'DIB_CONFIG_NOT_FOUND',
    ]);
    expect(report.files).toEqual([
      { filename: 'a.yaml', valid: true, error_count: 0, warning_count: 0 },
      { filename: 'b.yaml', valid: false, error_count: 1, warning_count: 1 },
      { filename: 'c.yaml', valid: false, error_count: 1, warning_count: 0 },
    ]);
    expect([stderr, status]).toEqual(['', 1]);
  });

  test('what deeper checks find is told in order with the rest', async () => {
    writeFileSync('image.yaml', `${GOOD}elements: [vn]\npackages: [curl, curl]\n`);
    const { stdout, status } = await validate(['--json'], {
      checkMeaning: async (image) => [
        { code: 'DIB_ELEMENT_UNKNOWN', severity: 'error', summary: 'no element `vn`', range: image.locate('/elements/0') },
      ],
    });
    expect(JSON.parse(stdout).diagnostics.map((one: { code: string }) => one.code)).toEqual([
      'DIB_ELEMENT_UNKNOWN',
      'DIB_CONFIG_DUPLICATE',
    ]);
    expect(status).toBe(1);
  });
});
