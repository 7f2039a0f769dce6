import { describe, expect, it } from 'vitest';
import { isRead, readsOf, scanBytes, scanText } from '../../../src/elements/reads.ts';

const ENTRIES = new Set(['static', 'install.d', 'pre-install.d', '50-web', 'parts']);

function reads(text: string, more: { environmentFile?: boolean; data?: boolean } = {}) {
  return readsOf(scanText({ text, ...more }), ENTRIES);
}

describe('variables', () => {
  it.each([
    ['echo "$DIB_A ${DIB_B:-x} ${DIB_C[@]}"', ['DIB_A', 'DIB_B', 'DIB_C']],
    ['os.environ["DIB_A"]; os.environ.get("DIB_B", 1); os.getenv("DIB_C")', ['DIB_A', 'DIB_B', 'DIB_C']],
    ['name=DIB_REPOREF_$1', ['DIB_REPOREF_*']],
    ["process.env['DIB_A']; process.env.DIB_B", ['DIB_A', 'DIB_B']],
    ['MY_DIB_A=1 xDIB_B', []],
  ])('%s', (text, names) => {
    const { variables, environment } = reads(text);
    expect(variables.map((name) => name.replace(/^(DIB_[A-Z])\*$/, '$1'))).toEqual(names);
    expect(environment).toBe(false);
  });

  it.each([
    'env > /etc/all',
    'env | sort',
    '/usr/bin/env --null',
    'printenv "$name"',
    'set | grep ^DIB_',
    '(set -o posix; set)',
    'export -p',
    'declare -px',
    'declare -n value=$name',
    'declare',
    'for name in $(compgen -v DIB_); do :; done',
    'echo "${!name}"',
    'echo ${!DIB_@}',
    'eval "value=\\$$name"',
    '[[ -v $name ]]',
    'tr "\\0" "\\n" </proc/self/environ',
    'for name, value in os.environ.items(): pass',
    'os.environ[name]',
    'os.getenv(name)',
    'console.log(process.env)',
    'process.env[name]',
    'while (($k, $v) = each %ENV) {}',
    "awk 'BEGIN { for (k in ENVIRON) print k }'",
    'printf "%s" "$DIB_ENV"',
    'envsubst <template',
  ])('the environment as a whole: %s', (text) => {
    expect(reads(text).environment).toBe(true);
  });

  it.each([
    '#!/usr/bin/env python3\nprint(1)',
    'set -eu -o pipefail',
    'set -x',
    'export A=1; export B',
    'declare -A made=()',
    'local name=1',
    'for i in "${!volumes[@]}"; do :; done',
    'env LANG=C sort',
    'env -i sort',
    'compgen -G "/boot/vmlinuz-*"',
    'cat /etc/environment /etc/foo.env',
    'eval declare -A elements=($(get_image_element_array))',
    'awk \'{ print ENVIRON["DIB_A"] }\'',
  ])('not the environment as a whole: %s', (text) => {
    expect(reads(text).environment).toBe(false);
  });

  it('environment.d does not read what it assigns, or gives a default to', () => {
    const text = [
      'export DIB_A=${DIB_A:-one}',
      'export DIB_B="${DIB_B-}"',
      ': "${DIB_C:=three}"',
      'export DIB_D=four',
      'export DIB_C',
      'DIB_E=${DIB_E:-$DIB_OTHER}',
    ].join('\n');
    expect(reads(text, { environmentFile: true }).variables).toEqual(['DIB_OTHER']);
    expect(reads(text).variables).toContain('DIB_A');
    const asked = 'if [ "$DIB_A" = x ]; then export DIB_B=${DIB_A:-y}; fi\nexport DIB_C=${DIB_C:?is needed}\n';
    expect(reads(asked, { environmentFile: true }).variables).toEqual(['DIB_A', 'DIB_B', 'DIB_C']);
  });
});

describe('the hook tree', () => {
  it.each([
    ['cp -r "$TMP_HOOKS_PATH/static/." /', ['static']],
    ['hooks=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)\ncp -r "$hooks/static/." /', ['static']],
    ['cp "$(dirname $0)/../parts/x" /', ['parts']],
    ['. /tmp/in_target.d/install.d/50-web', ['50-web', 'install.d']],
    ['SCRIPTDIR=$(dirname $0)\ninstall $SCRIPTDIR/motd.py /usr/bin/motd', []],
    ['ls ${0%/*}/data', []],
    ['echo pre-install.d', ['pre-install.d']],
    ['ln -s ../lib/x y', []],
  ])('by name: %s', (text, entries) => {
    expect(reads(text)).toMatchObject({ entries, tree: false });
  });

  it.each([
    'ls "$TMP_HOOKS_PATH"',
    'cp -r "$TMP_HOOKS_PATH"/* /srv',
    'find $TMP_HOOKS_PATH -maxdepth 1 -name "source-repository-*"',
    'for d in bin sbin; do ls /tmp/in_target.d/$d; done',
    'ls $(dirname $0)/..',
    'ls $(dirname $0)/*',
    'here=$(dirname $0)\nls $here',
    'cat "$TMP_HOOKS_PATH"/source-repository-*',
    'cp -r $TMP_HOOKS_PATH/{static,parts} /',
    'top = os.path.dirname(os.path.dirname(__file__))',
    "os.path.join(here, '..', 'static')",
    'tree=$(dirname "$(dirname "$0")")',
    'cd ..',
  ])('as a whole: %s', (text) => {
    expect(reads(text).tree).toBe(true);
  });
});

it('documents and data name variables and run nothing; a large program reads everything', () => {
  const everything = 'DIB_A env\nls $TMP_HOOKS_PATH\n';
  for (const path of ['x/README.md', 'x/notes.txt'])
    expect(scanBytes(path, Buffer.from(everything), false)).toMatchObject({
      variables: ['DIB_A'],
      environment: false,
      tree: false,
    });
  expect(scanBytes('bin/x', Buffer.from(everything), true)).toMatchObject({ environment: true, tree: true });
  const large = Buffer.alloc((1 << 20) + 1);
  expect(scanBytes('bin/x', large, true)).toMatchObject({ environment: true, tree: true });
  expect(scanBytes('static/x', large, false)).toMatchObject({ environment: false, tree: false });
});

it('a name with a last * stands for all that begin so', () => {
  expect(isRead('DIB_REPOREF_x', ['DIB_A', 'DIB_REPOREF_*'])).toBe(true);
  expect(isRead('DIB_A_B', ['DIB_A', 'DIB_REPOREF_*'])).toBe(false);
});
