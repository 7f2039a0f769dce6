import { describe, expect, it } from 'vitest';
import { type PlanFlags, refuseContradictions } from '../../../src/cli/plan-options.ts';

describe('options that contradict each other', () => {
  it.each<[PlanFlags, string]>([
    [{ machine: 'uml', worker: 'host' }, '`--machine uml` cannot be given with `--worker host`'],
    [{ machine: 'qemu', worker: 'userns' }, '`--machine qemu` cannot be given with `--worker userns`'],
    [{ refreshOnly: true, target: ['mkfs.root'] }, '`--refresh-only` cannot be given with `--target`'],
    [{ refreshOnly: true, machine: 'uml' }, '`--refresh-only` cannot be given with `--machine`'],
    [{ refreshOnly: true, refresh: 'false' }, '`--refresh-only` cannot be given with `--refresh=false`'],
  ])('%o', (flags, summary) => {
    expect(() => refuseContradictions(flags)).toThrow(summary);
  });

  it.each<[PlanFlags]>([
    [{}],
    [{ machine: 'qemu' }],
    [{ machine: 'qemu', worker: 'vm' }],
    [{ refreshOnly: true, refresh: 'true' }],
    [{ worker: 'host', refresh: 'false' }],
  ])('%o goes', (flags) => {
    refuseContradictions(flags);
  });
});
