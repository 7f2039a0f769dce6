import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DibError } from '../../../src/diagnostics/errors.ts';
import { deb822Sources, mirrorDigest } from '../../../src/distros/apt.ts';
import { debian } from '../../../src/distros/debian.ts';
import { findDistro } from '../../../src/distros/registry.ts';

const config = { name: 'debian', release: 'bookworm', arch: 'amd64', components: ['main', 'contrib'], variant: 'minbase' };

const PLACE = { target: '/tree', scratch: '/scratch', mounted: (argv: readonly string[]) => argv };

describe('bootstrap commands', () => {
  test('leave the choice of mirrors to mmdebstrap', () => {
    expect(debian.bootstrapCommands(config, PLACE)).toEqual([
      {
        argv: [
          'mmdebstrap',
          '--mode=unshare',
          '--variant=minbase',
          '--format=directory',
          '--architectures=amd64',
          '--components=main,contrib',
          '--skip=cleanup/apt/lists',
          '--aptopt=Acquire::Languages "none"',
          '--dpkgopt=force-unsafe-io',
          'bookworm',
          '/tree',
        ],
        env: { SOURCE_DATE_EPOCH: '1700000000' },
      },
    ]);
  });

  test('name the three archives of a mirror, security beside the main one', () => {
    const [command] = debian.bootstrapCommands({ ...config, mirror: 'http://mirror.test/debian/' }, PLACE);
    expect(command?.argv.slice(-3)).toEqual([
      'deb http://mirror.test/debian bookworm main contrib',
      'deb http://mirror.test/debian bookworm-updates main contrib',
      'deb http://mirror.test/debian-security bookworm-security main contrib',
    ]);
  });

  test('a security mirror alone is a mistake', () => {
    expect(() => debian.bootstrapCommands({ ...config, security_mirror: 'http://mirror.test/s' }, PLACE)).toThrow(
      '`security_mirror` is set and `mirror` is not',
    );
  });
});

test('one-line sources become stanzas by archive', () => {
  const text =
    'deb http://a.test/debian trixie main\ndeb [x=y] http://a.test/debian trixie-updates main\n\ndeb http://b.test/s trixie-security main\n';
  expect(deb822Sources(text, '/usr/share/keyrings/debian-archive-keyring.gpg')).toBe(
    'Types: deb\nURIs: http://a.test/debian\nSuites: trixie trixie-updates\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' +
      '\nTypes: deb\nURIs: http://b.test/s\nSuites: trixie-security\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n',
  );
});

describe('mirror digest', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'dib-debian-'));
    mkdirSync(join(root, 'var/lib/apt/lists'), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true }));
  const write = (name: string, text: string) => writeFileSync(join(root, 'var/lib/apt/lists', name), text);

  test('depends on content, not on the names of hosts', () => {
    write('one.test_InRelease', 'A');
    write('two.test_InRelease', 'B');
    write('one.test_Packages', 'C');
    const digest = mirrorDigest(root);
    rmSync(join(root, 'var/lib/apt/lists'), { recursive: true });
    mkdirSync(join(root, 'var/lib/apt/lists'));
    write('a.test_InRelease', 'B');
    write('z.test_InRelease', 'A');
    expect(mirrorDigest(root)).toBe(digest);
    write('z.test_InRelease', 'A2');
    expect(mirrorDigest(root)).not.toBe(digest);
  });
});

test('unknown distributions and releases are told with what there is', () => {
  expect(() => findDistro({ name: 'plan9', release: '4' })).toThrow(DibError);
  expect(() => findDistro({ name: 'debian', release: 'potato' })).toThrow('`potato` is not a release of `debian` that dib knows');
  expect(findDistro({ name: 'debian', release: 'trixie' })).toBe(debian);
});
