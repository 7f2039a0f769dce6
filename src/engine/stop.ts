import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quoted, quotedPath } from '../diagnostics/printable.ts';
import { udevEnvironment } from '../exec/host-machine.ts';
import { type HostFiles, hostFiles } from '../host/files.ts';
import { type OwnFiles, type StandingThing, standingOn } from '../host/standing.ts';
import { stopCommand } from '../host/stop-command.ts';
import { usersOf } from '../host/users.ts';
import type { ActionContext } from '../kinds/kind.ts';
import { backs, listLoops } from '../kinds/loop.ts';
import { type Knows, knowledgeOf, stoppable } from '../plan/teardown.ts';
import { perform, type Surroundings } from './actions.ts';
import type { Failure } from './apply.ts';

const TRIES = 15;
const PAUSE_MS = 200;

export interface StopOptions {
  readonly own: OwnFiles;
  /** Stop only what the state does not know and what stands on nothing that it knows: then what is recorded can be detached. */
  readonly unknownOnly?: boolean | undefined;
  readonly host?: HostFiles | undefined;
}

/**
 * Stops what stands on the image's files in this machine's kernel, deepest first: whatever it is, it keeps our files from going. Things that stand on
 * anything of others are left. Each is looked up again right before. After a failure, what lies below it on the same file is left alone.
 */
export async function stopStanding(surroundings: Surroundings, options: StopOptions): Promise<readonly Failure[]> {
  const { own, host = hostFiles() } = options;
  const bootId = (await host.read('/proc/sys/kernel/random/boot_id')) ?? '';
  const failures = new Map<string, Failure>();
  while (!surroundings.interrupts.giveUp.aborted) {
    const things = await standingOn(own, host);
    const knows: Knows =
      options.unknownOnly === true ? knowledgeOf(surroundings.store.current.resources, bootId, things) : () => false;
    const [next] = stoppable(things, (thing) => failures.has(idOf(thing)) || knows(thing));
    if (next === undefined) break;
    try {
      await stop(next, surroundings, own, host);
    } catch (error) {
      failures.set(idOf(next), { address: '', error });
    }
  }
  return [...failures.values()];
}

function idOf({ what, name, identity }: StandingThing): string {
  return `${what} ${name} ${identity}`;
}

async function stop(thing: StandingThing, surroundings: Surroundings, own: OwnFiles, host: HostFiles): Promise<void> {
  const { what, name } = thing;
  const action = { address: `${what} ${name}`, kind: what, name, operation: 'detach' as const, teardown: true };
  await perform(surroundings, action, async (context) => {
    context.progress(thing.detail);
    if (thing.loop !== undefined) await verify(thing, context);
    let said = '';
    for (let tries = 0; tries < TRIES; tries++) {
      if (tries > 0) await sleep(PAUSE_MS);
      said = await attempt(thing, context);
      // A busy loop device is detached only when its last user closes it; the command says nothing of that.
      const left = await standingOn(own, host);
      if (!left.some((other) => idOf(other) === idOf(thing))) return {};
    }
    return await failBusy(thing, said, host);
  });
}

/** Runs the command once; gives what it complained of. Whether it worked is looked up, for some succeed too early and some fail too late. */
async function attempt(thing: StandingThing, context: ActionContext): Promise<string> {
  try {
    await context.run({ argv: stopCommand(thing) ?? [], env: udevEnvironment() });
    return '';
  } catch (error) {
    const gone = !(error instanceof DibError) || error.diagnostics.some(({ code }) => code !== 'DIB_EXEC_FAILED');
    if (gone) throw error;
    return error.diagnostics.map(({ detail, summary }) => detail ?? summary).join('\n');
  }
}

/** The kernel names the file of a loop device by its path; a path may lead to another file by now, so the numbers are compared as well. */
async function verify({ name, loop }: StandingThing, context: ActionContext): Promise<void> {
  const found = loop === undefined || loop.deleted ? undefined : await stat(loop.file).catch(() => undefined);
  const device = (await listLoops(context)).find((each) => each.device === name);
  if (device === undefined || found === undefined || backs(device, { file: loop?.file ?? '', dev: found.dev, ino: found.ino }))
    return;
  fail({
    code: 'DIB_STOP_CHANGED',
    summary: `${quotedPath(name)} does not show ${quotedPath(loop?.file ?? '')} any more`,
    detail: 'Something else on this machine changed the loop device just now; it was left alone.',
    help: 'Run the same command again.',
  });
}

async function failBusy(thing: StandingThing, said: string, host: HostFiles): Promise<never> {
  const paths = thing.what === 'mount' ? [thing.name] : [thing.name, ...(thing.loop === undefined ? [] : [thing.loop.file])];
  const users = await usersOf({ paths, numbers: [thing.number] }, host);
  const shown = users.slice(0, 5).map(({ pid, name, has }) => `  process ${pid} (${name}) ${has}`);
  const more = users.length > shown.length ? [`  and ${users.length - shown.length} more`] : [];
  const held = shown.length === 0 ? [] : ['It is kept by:', ...shown, ...more];
  fail({
    code: 'DIB_STOP_BUSY',
    summary: `Cannot stop ${NAMES[thing.what]} ${quotedPath(thing.name)} (${thing.detail}): still in use`,
    detail: [...held, ...(said === '' ? [] : [said])].join('\n') || 'No process is seen to use it: the kernel itself may.',
    help: `End what uses it${shown.length === 0 ? '' : ', such as the processes above'}, or stop it with ${quoted((stopCommand(thing) ?? []).join(' '), 200)}; then run the same command again.`,
  });
}

const NAMES: Readonly<Record<StandingThing['what'], string>> = {
  mount: 'the mount',
  swap: 'the swap area',
  lvm: 'the logical volume',
  luks: 'the opened LUKS container',
  dm: 'the device mapping',
  md: 'the array',
  loop: 'the loop device',
  other: 'the device',
};
