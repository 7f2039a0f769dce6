import { expect, test } from 'vitest';
import { disksToConfirm } from '../../../src/cli/wipe-consent.ts';
import { DibError } from '../../../src/diagnostics/errors.ts';

const A = { address: 'disk.a', path: '/dev/disk/by-id/a', node: '/dev/sdb', who: 'Model', holds: 'ext4' };
const B = { address: 'disk.b', path: '/dev/disk/by-id/b', node: '/dev/sdc', who: 'Model', holds: 'xfs' };
const check = (...toWipe: (typeof A)[]) => ({ permits: [], toWipe, declared: [A, B] });

function refusal(...call: Parameters<typeof disksToConfirm>) {
  try {
    disksToConfirm(...call);
  } catch (error) {
    if (error instanceof DibError) return { code: error.diagnostics[0]?.code, status: error.exitCode, ...error.diagnostics[0] };
    throw error;
  }
  return undefined;
}

test('asks on a terminal for every disk that is not agreed to', () => {
  expect(disksToConfirm(check(A, B), {}, true)).toEqual([A, B]);
  expect(disksToConfirm(check(A, B), { wipeDevice: [A.path] }, true)).toEqual([B]);
  expect(disksToConfirm(check(A, B), { wipeDevice: [A.path, B.node], autoApprove: true }, false)).toEqual([]);
  expect(disksToConfirm(check(), { autoApprove: true }, false)).toEqual([]);
});

test('refuses where nobody can be asked, or nobody wants to be', () => {
  for (const [options, terminal] of [
    [{}, false],
    [{ autoApprove: true }, true],
    [{ autoApprove: true, wipeDevice: [A.path] }, false],
  ] as const) {
    const found = refusal(check(A, B), options, terminal);
    expect(found).toMatchObject({ code: 'DIB_CLI_NOT_APPROVED', status: 64 });
    expect(found?.help).toContain('`--wipe-device /dev/disk/by-id/b`');
    expect(found?.detail).toContain('/dev/disk/by-id/b (Model) holds xfs');
  }
});

test('a path that is no disk of the image is a mistake, even where nothing is lost', () => {
  expect(refusal(check(), { wipeDevice: ['/dev/sdd'] }, true)).toMatchObject({
    code: 'DIB_CLI_WIPE_DEVICE',
    status: 64,
    help: 'Its disks are `/dev/disk/by-id/a` and `/dev/disk/by-id/b`.',
  });
  expect(disksToConfirm(check(), { wipeDevice: [B.node] }, false)).toEqual([]);
});
