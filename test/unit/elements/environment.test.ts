import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { evaluateEnvironment } from '../../../src/elements/environment.ts';

function evaluate(text: string, initial: Record<string, string> = {}) {
  const { values, unknown } = evaluateEnvironment([text], initial);
  return { values, unknown: [...unknown].sort() };
}

describe('static evaluation of environment.d', () => {
  it.each([
    ['export A=b', { A: 'b' }],
    ['export A=b C="d e"', { A: 'b', C: 'd e' }],
    ["export A='$x'", { A: '$x' }],
    ['export A=${A:-default}', { A: 'default' }],
    ['B=1\nexport A=$B-${B}', { A: '1-1' }],
    ['export A=${A:-linux-image-${ARCH}}', { A: 'linux-image-amd64' }],
    ['export A="${A:-nofb nomodeset}" # comment', { A: 'nofb nomodeset' }],
    ['export A="one\ntwo"', { A: 'one\ntwo' }],
    [': "${A:=x}"\nexport A', { A: 'x' }],
    ['export A=a; export B=b', { A: 'a', B: 'b' }],
    ['export A=x\\\ny', { A: 'xy' }],
    ['export A=${EMPTY-unset} B=${EMPTY:-unset}', { A: '', B: 'unset' }],
    ['export A=${EMPTY:+set}${ARCH:+set}', { A: 'set' }],
    ['declare -x A=1', { A: '1' }],
    ['set -eu -o pipefail\nexport A=1', { A: '1' }],
    ['export A=1\nunset A', {}],
  ])('%j', (text, expected) => {
    const initial = { ARCH: 'amd64', EMPTY: '' };
    expect(evaluate(text, initial)).toEqual({ values: { ...initial, ...expected }, unknown: [] });
    // The shell itself is the judge.
    const names = ['A', 'B', 'C'];
    const script = `${text}\nfor n in ${names.join(' ')}; do if [[ $(declare -p $n 2>/dev/null) == 'declare -x'* ]]; then printf '%s=%s\\0' $n "\${!n}"; fi; done`;
    const output = execFileSync('bash', ['--norc', '-c', script], { env: { ...initial, PATH: process.env['PATH'] } }).toString();
    const actual = Object.fromEntries(
      output
        .split('\0')
        .filter(Boolean)
        .map((line) => [line.slice(0, 1), line.slice(2)]),
    );
    expect(actual).toEqual(expected);
  });

  it.each([
    ['export A=$(date)', ['A']],
    ['A=`date`\nexport B=${A:-x}', ['A', 'B']],
    ['if [ "$X" = 1 ]; then\n  export A=1\nelse\n  export A=2\nfi\nexport B=3', ['A']],
    ['if true; then export A=1; fi', ['A']],
    ['[ -n "$X" ] && export A=1', ['A']],
    ['case $X in\n  a) A=1 ;;\nesac', ['A']],
    ['function f {\n  A=1\n}', ['A']],
    ['export A=${X//a/b}', ['A']],
    ['export A=$UNSET', ['A']],
    ['export A=${X:?must be set}', ['A']],
  ])('does not guess: %j', (text, unknown) => {
    expect(evaluate(text).unknown).toEqual(unknown);
    expect(evaluate(text).values).not.toHaveProperty('A');
  });

  it('keeps what the caller set', () => {
    expect(evaluate('export A=${A:-default}', { A: 'mine' }).values).toEqual({ A: 'mine' });
  });

  it('ends on unclosed quotes and huge values', () => {
    expect(evaluate(`export A="${'x'.repeat(100_000)}`).values).toEqual({});
    expect(evaluate('export A=${').values).toEqual({});
  });
});

describe('an `if` whose condition is known', () => {
  const take = (condition: string, initial: Record<string, string> = {}) =>
    evaluateEnvironment([`if ${condition}; then\n  export A=yes\nelse\n  export A=no\nfi\nexport B=after\n`], {
      DISTRO_NAME: 'debian',
      DIB_RELEASE: '9',
      ...initial,
    });

  it.each([
    ['[[ ${DISTRO_NAME} =~ (centos|fedora) ]]', 'no'],
    ['[[ ${DISTRO_NAME} =~ (debian|ubuntu) ]]', 'yes'],
    ['[[ $DISTRO_NAME == "debian" && $DIB_RELEASE > 7 ]] || [[ $DISTRO_NAME == fedora ]]', 'yes'],
    ['[ "$DISTRO_NAME" = "ubuntu" ]', 'no'],
    ['[ -n "${NOTHING:-}" ]', 'no'],
    ['[ -z "${NOTHING:-}" ]', 'yes'],
    ['[[ ! $DIB_RELEASE -ge 9 ]]', 'no'],
    ['[ "$DISTRO_NAME" != debian ] && [ -e /nowhere ]', 'no'],
  ])('%s', (condition, value) => {
    expect(take(condition).values).toMatchObject({ A: value, B: 'after' });
  });

  it.each([
    '[ -e /usr/bin/dib-python ]',
    'grep -q x /y',
    '[[ $DISTRO_NAME == deb* ]]',
    '[[ $(date) > 7 ]]',
    '[ "$UNHEARD" = x ]',
  ])('%s is for a shell to tell', (condition) => {
    const { values, unknown } = take(condition);
    expect([values['A'], unknown.has('A'), values['B']]).toEqual([undefined, true, 'after']);
  });

  it('follows `elif` and nested ones, and leaves what it cannot read unknown', () => {
    const text = [
      'if [ "$X" = 1 ]; then',
      '  export A=1',
      'elif [ "$X" = 2 ]; then',
      '  if [ "$Y" = 1 ]; then',
      '    export A=21',
      '  else',
      '    export A=22',
      '  fi',
      'fi',
      'if [ "$X" = 2 ]; then',
      '  case "$Y" in',
      '    2) export C=1 ;;',
      '  esac',
      'fi',
    ].join('\n');
    const { values, unknown } = evaluateEnvironment([text], { X: '2', Y: '2' });
    expect(values).toEqual({ A: '22', X: '2', Y: '2' });
    expect([...unknown]).toEqual(['C']);
  });
});
