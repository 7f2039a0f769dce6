import { chownSync, cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import type { Machine } from '../../src/boot/argv.ts';
import { findImages } from '../../src/boot/find-image.ts';
import { ordinaryUserCache } from './caches.ts';
import { dib } from './dib.ts';
import { TEST_ELEMENTS } from './elements.ts';
import { asOrdinaryUser, ordinaryUserIds } from './privileges.ts';
import { type PlanJson, type Promises, promisesOf } from './promises.ts';

const TOP = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The default of the element bootloader, and no check whether ten ticks of the timer come in time: while others use the machine, they do not in
 * software emulation, and the kernel gives up.
 */
const KERNEL_ARGUMENTS = 'nofb nomodeset gfxpayload=text no_timer_check';

/** As much of an image.yaml as the builder touches. */
export interface ImageText {
  readonly name: string;
  readonly elements: readonly string[];
  readonly outputs: readonly (string | Readonly<Record<string, unknown>>)[];
  readonly [key: string]: unknown;
}

/** An image, built with the element boot-report in a directory of its own. */
export interface BuiltImage {
  readonly directory: string;
  readonly name: string;
  /** What the plan said before anything was built. */
  readonly plan: PlanJson;
  /** What of it a booted image shows. */
  readonly promises: Promises;
  readonly disks: Machine['disks'];
  /** Tears everything down and removes the directory. */
  remove(): Promise<void>;
}

export interface BuildOptions {
  /** Not as root. */
  readonly ordinaryUser?: boolean;
  /** Variables of dib besides its own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** LUKS containers are made for this machine's speed; in software emulation unlocking would take ten times as long. */
  readonly quickToUnlock?: boolean;
  /** One of examples/, whose files are put beside image.yaml. */
  readonly beside?: string;
  /** Texts of files beside image.yaml, which only their owner may read. */
  readonly files?: Readonly<Record<string, string>>;
}

/** One of examples/. */
export function readExample(example: string): ImageText {
  return parse(readFileSync(join(TOP, 'examples', example, 'image.yaml'), 'utf8')) as ImageText;
}

/**
 * Plans and applies an image; the plan is made first, so that it cannot know more than a plan knows.
 */
export function buildImage(image: ImageText, options: BuildOptions = {}): BuiltImage {
  const directory = mkdtempSync('/var/tmp/dib-test-boot-');
  const file = join(directory, 'image.yaml');
  if (options.beside !== undefined) cpSync(join(TOP, 'examples', options.beside), directory, { recursive: true });
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(directory, name), text, { mode: 0o600 });
  const elements = [...image.elements, 'boot-report'];
  const environment = { ...(image['environment'] as object | undefined), DIB_BOOTLOADER_DEFAULT_CMDLINE: KERNEL_ARGUMENTS };
  const outputs = image.outputs.map(uncompressed);
  const text = stringify({ ...image, elements, environment, outputs, elements_path: [TEST_ELEMENTS] });
  writeFileSync(file, options.quickToUnlock === true ? text.replaceAll(/^( *)luks:$/gm, '$&\n$1  iter_time: 100') : text);
  const asUser = options.ordinaryUser === true ? forOrdinaryUser(directory) : dib;
  const run: typeof dib = (args) => asUser(args, { environment: options.environment });
  const plan = JSON.parse(run(['plan', '--json', file])) as PlanJson;
  const promises = promisesOf(plan);
  run(['apply', '--auto-approve', file]);
  return {
    directory,
    name: image.name,
    plan,
    promises,
    disks: findImages(file, undefined).disks,
    async remove() {
      run(['destroy', '--auto-approve', '--outputs', file]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Compressing takes longer than it saves where an image is booted once. */
function uncompressed(output: ImageText['outputs'][number]): Readonly<Record<string, unknown>> {
  return { ...(typeof output === 'string' ? { format: output } : output), compression: 'none' };
}

/** Runs dib as the ordinary user, in a directory that becomes that user's. */
function forOrdinaryUser(directory: string): typeof dib {
  const { uid, gid } = ordinaryUserIds();
  for (const path of [directory, join(directory, 'image.yaml')]) chownSync(path, uid, gid);
  const environment = ['env', `HOME=${directory}`, `DIB_IMAGE_CACHE=${ordinaryUserCache()}`];
  return (args, how) => dib(args, { cwd: directory, ...how, prefix: [...asOrdinaryUser(), ...environment] });
}
