import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../diagnostics/errors.ts';
import { quotedPath } from '../diagnostics/printable.ts';
import { listOf } from '../diagnostics/suggest.ts';
import type { BootstrapContext, BootstrapPlace, BuilderTool } from './distro.ts';

/** Where a distribution publishes its keys, and which of them dib believes. */
export interface PublishedKeys {
  /** Files of keys; one that cannot be fetched is left out as long as another has a key that is believed. */
  readonly urls: readonly string[];
  /** Fingerprints of OpenPGP version 4 (RFC 4880, 12.2): 40 hexadecimal digits, upper case. */
  readonly fingerprints: readonly string[];
}

/** What preparing keys needs. */
export const KEY_TOOLS: readonly BuilderTool[] = [
  { name: 'gpg', package: 'gpg', why: 'picks the distribution’s own keys out of what was fetched' },
  { name: 'curl', package: 'curl', why: 'fetches the distribution’s keys' },
];

/** The file of keys that packages are checked with, in `scratch`. */
export function keyFile(place: Pick<BootstrapPlace, 'scratch'>): string {
  return join(place.scratch, 'keys.asc');
}

/**
 * Writes keyFile(): what the image's `keyring` holds, or else those published keys that have a known fingerprint, whatever the server sent
 * besides. Throws DIB_DISTRO_KEYS when none is left.
 */
export async function prepareKeys(keys: PublishedKeys, place: BootstrapPlace, context: BootstrapContext): Promise<void> {
  const home = join(place.scratch, 'gnupg');
  await mkdir(home, { mode: 0o700 });
  const gpg = ['gpg', '--batch', '--quiet', '--no-autostart', '--homedir', home];
  const files = place.keyring === undefined ? await fetchKeys(keys.urls, place, context) : [place.keyring];
  for (const file of files) {
    // A file may hold packets that this gpg does not know beside keys that it does: what counts is what can be exported.
    await context.run({ argv: [...gpg, '--import', file], okExitCodes: [0, 1, 2] });
  }
  const wanted = place.keyring === undefined ? keys.fingerprints : [];
  await context.run({ argv: [...gpg, '--armor', '--output', keyFile(place), '--export', ...wanted], okExitCodes: [0, 1, 2] });
  if (!existsSync(keyFile(place))) refuse(keys, place);
}

async function fetchKeys(urls: readonly string[], place: BootstrapPlace, context: BootstrapContext): Promise<string[]> {
  const files: string[] = [];
  for (const [index, url] of urls.entries()) {
    const file = join(place.scratch, `published-${index}`);
    context.progress(`keys from ${url}`);
    // 22: the server has no such file; 37: nor has the directory.
    await context.run({
      argv: ['curl', '--fail', '--silent', '--show-error', '--location', '--retry', '3', '--output', file, url],
      okExitCodes: [0, 22, 37],
    });
    if (existsSync(file)) files.push(file);
  }
  return files;
}

function refuse(keys: PublishedKeys, { keyring }: BootstrapPlace): never {
  if (keyring !== undefined) {
    fail({
      code: 'DIB_DISTRO_KEYS',
      summary: `${quotedPath(keyring)} holds no OpenPGP key`,
      detail: 'Every package is checked with the keys of `distro.keyring`; without one no package could be installed.',
      help: 'Write the distribution’s public keys into it, as `gpg --export` writes them, armoured or not.',
    });
  }
  fail({
    code: 'DIB_DISTRO_KEYS',
    summary: `None of the keys at ${listOf(keys.urls)} is the distribution’s`,
    detail: `dib believes only a key with the fingerprint ${listOf(keys.fingerprints, 'or')}.`,
    help: 'Is the mirror the right one? For packages signed with a key of your own, name its file in `distro.keyring`.',
  });
}
