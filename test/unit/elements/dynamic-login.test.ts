import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtinElementsDirectory } from '../../../src/elements/locations.ts';

const PROGRAM = join(builtinElementsDirectory(), 'dynamic-login/dynamic-login/dynamic-login');

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-dynamic-login-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What chpasswd gets for a kernel command line. */
function password(cmdline: string): string {
  writeFileSync(join(directory, 'cmdline'), `${cmdline}\n`);
  writeFileSync(join(directory, 'chpasswd'), '#!/bin/bash\necho "$*: $(cat)"\n', { mode: 0o755 });
  const env = { PATH: `${directory}:${process.env['PATH']}` };
  const { status, stdout, stderr } = spawnSync('bash', [PROGRAM, join(directory, 'cmdline')], { env, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('dynamic-login', () => {
  it.each(['quiet rootpwd=$6$a$b ro', 'rootpwd="$6$a$b"', 'ro "rootpwd=$6$a$b" quiet'])(
    'takes the password hash of %j',
    (cmdline) => {
      expect(password(cmdline)).toBe('--encrypted: root:$6$a$b\n');
    },
  );

  it.each(['', 'root=UUID=1 ro', 'norootpwd=x'])('takes none of %j', (cmdline) => {
    expect(password(cmdline)).toBe('');
  });
});
