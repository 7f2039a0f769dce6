import { findKey, type KeyFingerprints, keyFingerprint } from '../config/luks-keys.ts';
import { DibError, fail } from '../diagnostics/errors.ts';
import { quoted } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import type { NeededKey } from '../plan/needed-keys.ts';
import type { Plan } from '../plan/plan.ts';
import { ask } from './ask.ts';

export type Keys = ReadonlyMap<string, Uint8Array>;

/** A plan whose keys are at hand, except for those that the user is asked for. */
export interface KeyedPlan {
  /** With the fingerprints of all needed keys among its facts. */
  readonly plan: Plan;
  readonly keys: Keys;
  readonly toAsk: readonly NeededKey[];
}

/**
 * Reads the keys that a plan needs. Throws DibError when one is not there, when it is not the one that was planned with (DIB_LUKS_KEY_CHANGED), and when
 * one must be asked for and nobody is there to answer (DIB_LUKS_KEY_NO_TERMINAL).
 */
export async function readKeys(plan: Plan, needed: readonly NeededKey[], imageDirectory: string): Promise<KeyedPlan> {
  const keys = new Map<string, Uint8Array>();
  const fingerprints: Record<string, string> = { ...plan.facts.luksKeys };
  const found = await Promise.all(needed.map(async (owner) => ({ owner, ...(await findKey(owner, imageDirectory)) })));
  const errors = found.flatMap(({ diagnostics }) => diagnostics.filter(({ severity }) => severity === 'error'));
  if (errors.length > 0) throw new DibError(errors);
  for (const { owner, bytes } of found) {
    if (bytes === undefined) continue;
    const fingerprint = keyFingerprint(owner, bytes);
    if ((fingerprints[owner.name] ?? fingerprint) !== fingerprint) failChanged(owner.name);
    fingerprints[owner.name] = fingerprint;
    keys.set(owner.name, bytes);
  }
  const toAsk = needed.filter(({ key }) => key.from === 'prompt');
  if (toAsk.length > 0 && process.stdin.isTTY !== true) failWithoutTerminal(toAsk);
  return { plan: { ...plan, facts: { ...plan.facts, luksKeys: fingerprints satisfies KeyFingerprints } }, keys, toAsk };
}

/** Asks for the passphrases of containers, twice where a container is made. What is typed is not shown. */
export async function askKeys(toAsk: readonly NeededKey[]): Promise<Keys> {
  const keys = new Map<string, Uint8Array>();
  for (const { name, made } of toAsk) {
    const passphrase = await ask(`Passphrase for luks.${name}: `, { hidden: true });
    if (passphrase === '') {
      fail({
        code: 'DIB_LUKS_KEY_EMPTY',
        summary: `The passphrase of ${quoted(`luks.${name}`)} is empty`,
        detail: 'Nothing was changed.',
        help: 'Run the command again.',
      });
    }
    if (made && (await ask(`The same again for luks.${name}: `, { hidden: true })) !== passphrase) {
      fail({
        code: 'DIB_LUKS_KEY_MISTYPED',
        summary: `The two passphrases of ${quoted(`luks.${name}`)} are not the same`,
        detail: 'Nothing was changed.',
        help: 'Run the command again.',
      });
    }
    keys.set(name, Buffer.from(passphrase));
  }
  return keys;
}

function failChanged(name: string): never {
  fail({
    code: 'DIB_LUKS_KEY_CHANGED',
    summary: `The key of ${quoted(`luks.${name}`)} is not the one that the plan was made with`,
    detail: 'Another key makes another container; dib applies what was shown, not something else.',
    help: 'Run the same command again, or plan again.',
  });
}

function failWithoutTerminal(toAsk: readonly NeededKey[]): never {
  fail({
    code: 'DIB_LUKS_KEY_NO_TERMINAL',
    summary: `The passphrase of ${listOf(toAsk.map(({ name }) => `luks.${name}`))} must be typed, and standard input is no terminal`,
    detail: 'Nothing was changed.',
    help: 'Run dib in a terminal, or take the key from a file or variable: `key: {file: unlock.key}`, `key: {env: UNLOCK_KEY}`.',
  });
}
