import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { forAction } from '../../../src/engine/machines.ts';
import { hostMachine, udevEnvironment } from '../../../src/exec/host-machine.ts';
import { deviceNodes, isFree } from '../../support/device-locks.ts';

const node = deviceNodes();

it('holds devices for all actions of a run, each once, until they are released or it is closed', async () => {
  const machine = hostMachine('boot');
  const [first, second] = [node('first'), node('second')];
  for (const device of [first, first, second]) await forAction(machine, {}).hold?.(device);
  expect([isFree(first), isFree(second)]).toEqual([false, false]);
  await forAction(machine, {}).release?.(first);
  await forAction(machine, {}).release?.(first);
  expect([isFree(first), isFree(second)]).toEqual([true, false]);
  await machine.close();
  expect(isFree(second)).toBe(true);
});

it('has programs make device nodes themselves where no udev runs', async () => {
  const wanted = existsSync('/run/udev/control') ? {} : { DM_DISABLE_UDEV: '1', MDADM_NO_UDEV: '1' };
  expect(udevEnvironment()).toEqual(wanted);
  const { stdout } = await hostMachine('boot').run({ argv: ['env'] }, {});
  for (const [name, value] of Object.entries(wanted)) expect(stdout).toContain(`${name}=${value}`);
});
