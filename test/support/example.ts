import { chownSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import type { Machine } from '../../src/boot/argv.ts';
import { findImages } from '../../src/boot/find-image.ts';
import { dib } from './dib.ts';
import { asOrdinaryUser, ordinaryUserIds } from './privileges.ts';
import { type PlanJson, type Promises, promisesOf } from './promises.ts';

const TOP = fileURLToPath(new URL('../..', import.meta.url));

/** As much of an image.yaml as the builder touches. */
export interface ImageText {
  readonly name: string;
  readonly elements: readonly string[];
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

/** One of examples/. */
export function readExample(example: string): ImageText {
  return parse(readFileSync(join(TOP, 'examples', example, 'image.yaml'), 'utf8')) as ImageText;
}

/**
 * Plans and applies an image; the plan is made first, so that it cannot know more than a plan knows.
 * `ordinaryUser`: not as root, with a cache of that user's own.
 */
export function buildImage(image: ImageText, options: { readonly ordinaryUser?: boolean } = {}): BuiltImage {
  const directory = mkdtempSync('/var/tmp/dib-test-boot-');
  const file = join(directory, 'image.yaml');
  const elements = [...image.elements, 'boot-report'];
  writeFileSync(file, stringify({ ...image, elements, elements_path: [join(TOP, 'test/fixtures/elements')] }));
  const run = options.ordinaryUser === true ? forOrdinaryUser(directory) : dib;
  const plan = JSON.parse(run(['plan', '--json', file])) as PlanJson;
  const promises = promisesOf(plan);
  run(['apply', '--auto-approve', file]);
  return {
    directory,
    name: image.name,
    plan,
    promises,
    disks: findImages(file, undefined),
    async remove() {
      run(['destroy', '--auto-approve', '--outputs', file]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Runs dib as the ordinary user, in a directory that becomes that user's. */
function forOrdinaryUser(directory: string): typeof dib {
  const { uid, gid } = ordinaryUserIds();
  for (const path of [directory, join(directory, 'image.yaml')]) chownSync(path, uid, gid);
  const environment = ['env', `HOME=${directory}`, `DIB_IMAGE_CACHE=${join(directory, 'cache')}`];
  return (args, how) => dib(args, { cwd: directory, ...how, prefix: [...asOrdinaryUser(), ...environment] });
}
