import { quotedPath } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import { quoteArgv } from '../exec/quote.ts';
import type { StandingThing } from '../host/standing.ts';
import { stopCommand } from '../host/stop-command.ts';
import type { RecordedResource } from '../kinds/kind.ts';
import type { Json } from '../util/json.ts';
import type { TeardownStep } from './plan.ts';

/** Whether the state knows of a thing: then what is recorded detaches it. */
export type Knows = (thing: StandingThing) => boolean;

/**
 * What attachments of this boot tell of: devices, mount points, files with offsets, ids of groups, whether it is recorded that they are there or only
 * that they are about to be.
 */
export function knowledgeOf(resources: readonly RecordedResource[], bootId: string, things: readonly StandingThing[]): Knows {
  const told = new Set<string>();
  for (const { attachment, marker } of resources) {
    if (marker !== undefined) collect(marker, told);
    if (attachment?.bootId !== bootId) continue;
    for (const part of [attachment.outputs, attachment.marker]) if (part !== undefined) collect(part, told);
  }
  const byName = (thing: StandingThing) =>
    told.has(thing.name) || (thing.loop !== undefined && told.has(sliceText(thing.loop.file, thing.loop.offset)));
  // Volumes that only serve others (of a thin pool) are in no record: their group is.
  const groups = new Set(things.filter((thing) => thing.what === 'lvm' && byName(thing)).map(groupOf));
  return (thing) => byName(thing) || (thing.what === 'lvm' && groups.has(groupOf(thing)));
}

/** The first id of a volume's mapping is that of its group: lvm2, lib/activate/dev_manager.c. */
function groupOf({ identity }: StandingThing): string {
  return identity.slice('LVM-'.length, 'LVM-'.length + 32);
}

function collect(value: Json | undefined, into: Set<string>): void {
  if (typeof value === 'string') into.add(value);
  if (value === null || typeof value !== 'object') return;
  const { file, offset } = value as { readonly file?: unknown; readonly offset?: unknown };
  if (typeof file === 'string') into.add(sliceText(file, typeof offset === 'number' ? offset : 0));
  for (const member of Object.values(value)) collect(member, into);
}

function sliceText(file: string, offset: number): string {
  return `${file} from ${offset}`;
}

/** What is ours to stop, deepest first. */
export function teardownSteps(things: readonly StandingThing[], knows: Knows): readonly TeardownStep[] {
  return stoppable(things).map((thing) => ({
    what: thing.what,
    name: thing.name,
    detail: thing.detail,
    action: quoteArgv(stopCommand(thing) ?? []),
    known: knows(thing),
  }));
}

/** Of things in their order, those that are ours and do not lie below one that stays: on the same file, that is. */
export function stoppable(
  things: readonly StandingThing[],
  stays: (thing: StandingThing) => boolean = () => false,
): readonly StandingThing[] {
  const blocked = new Set<string>();
  return things.filter((thing) => {
    if (thing.files.some((file) => blocked.has(file))) return false;
    if (isOurs(thing) && !stays(thing)) return true;
    for (const file of thing.files) blocked.add(file);
    return false;
  });
}

/** Whether a thing stands on nothing but our files, and there is a way to stop it. */
export function isOurs(thing: StandingThing): boolean {
  return thing.foreign.length === 0 && stopCommand(thing) !== undefined;
}

/** What stands on our files and is not ours to stop: sentences. */
export function foreignHolders(things: readonly StandingThing[]): readonly string[] {
  return things
    .filter((thing) => !isOurs(thing))
    .map(({ name, files, foreign }) => {
      const on = files.length === 0 ? '' : ` stands on ${listOf(files)}`;
      if (foreign.length === 0)
        return `${quotedPath(name)}${on} and is of a sort that dib does not know: dib leaves it alone, and what it stands on.`;
      return `${quotedPath(name)}${on} and on ${listOf(foreign)}, which is not of this image: dib leaves it alone, and what it stands on.`;
    });
}
