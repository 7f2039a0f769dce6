import type { SourceRange } from '../diagnostics/diagnostic.ts';
import type { InputFile } from './input-files.ts';
import type { Reads } from './reads.ts';
import type { SourceRepository } from './source-repositories.ts';

/** The phases in the order in which they run (diskimage-builder's directory names). */
export const PHASES = [
  'root.d',
  'extra-data.d',
  'pre-install.d',
  'install.d',
  'post-install.d',
  'post-root.d',
  'pre-finalise.d',
  'finalise.d',
  'cleanup.d',
] as const;
export type Phase = (typeof PHASES)[number];

/** Phases whose hooks run outside the tree, with TARGET_ROOT set. */
export const OUTSIDE_PHASES: readonly Phase[] = ['root.d', 'extra-data.d', 'post-root.d', 'pre-finalise.d', 'cleanup.d'];

/** An element found on the search path. */
export interface Element {
  /** Base name of its real path. */
  readonly name: string;
  /** Absolute path of its directory. */
  readonly directory: string;
  readonly deps: readonly string[];
  readonly provides: readonly string[];
  /** Shipped with dib. */
  readonly builtin: boolean;
  /** Absolute path of the element of the same name in whose place it runs. */
  readonly replaces?: string | undefined;
}

/** A script of a phase. */
export interface Hook {
  readonly phase: Phase;
  /** File name: what the order goes by. */
  readonly name: string;
  readonly element: string;
  /** Absolute path on the host. */
  readonly path: string;
  /** SHA-256 of its bytes. */
  readonly sha256: string;
  /** Its element says that hooks of this phase need no network, so it has none. Absent: it has the builder's. */
  readonly network?: 'none' | undefined;
}

/** A file or directory of an element that hooks read through TMP_HOOKS_PATH, such as `static/` or `bin/`. */
export interface HookFile {
  /** Path below the hooks directory, with `/`. */
  readonly path: string;
  readonly element: string;
  readonly source: string;
  readonly sha256: string;
  readonly executable: boolean;
  /** Permissions of a file below `static/` where they are neither 0644 nor 0755. */
  readonly mode?: number;
  /** Of a symbolic link that is kept as one (below `static/`): its target; `sha256` is then that of the target's text. */
  readonly link?: string | undefined;
}

/** A package that elements or the image ask for, by the name that the distribution knows. */
export interface PackageRequest {
  readonly name: string;
  /** Elements that asked for it, `image.yaml`, or addresses of block devices such as `vgs.data`, sorted. */
  readonly requestedBy: readonly string[];
}

/** Whether it was a block device of the layout that asked for a package, and not an element: names of elements hold no dots. */
export function isDeviceAddress(requester: string): boolean {
  return /^(vgs|lvs|luks|raid|mkfs)\../.test(requester);
}

/** The packages of one phase. */
export interface PhasePackages {
  readonly install: readonly PackageRequest[];
  readonly uninstall: readonly PackageRequest[];
}

/** What the texts of an image's elements can read of its variables and of each other. */
export interface ElementReads {
  /** Of hooks, files of environment.d and all other files, by path below the hooks directory. */
  readonly entries: Readonly<Record<string, Reads>>;
  /** Of the files of the builder that variables name, by variable. */
  readonly inputs: Readonly<Record<string, Reads>>;
  /** Variables that dib's own helpers read in every layer. */
  readonly helpers: readonly string[];
  /** Variables that are read while planning, by package lists. */
  readonly planned: readonly string[];
}

/** Everything that the elements of an image amount to; pure data, read once while planning. */
export interface ElementSet {
  /** In dependency order, ties by name. */
  readonly elements: readonly Element[];
  /** Element that provides `operating-system` by its own root.d; absent when dib bootstraps natively. */
  readonly operatingSystem?: string | undefined;
  /** The operating system that dib bootstraps natively; absent when an element brings its own. */
  readonly native?: { readonly name: string; readonly release: string } | undefined;
  /** Hooks per phase, in the order in which they run. */
  readonly hooks: Readonly<Record<Phase, readonly Hook[]>>;
  /** environment.d files in the order in which they are sourced. */
  readonly environmentFiles: readonly HookFile[];
  /** Everything else that is merged below TMP_HOOKS_PATH, sorted by path. */
  readonly files: readonly HookFile[];
  /** What environment.d is statically known to export, after the caller's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables whose values element.yaml declares secret, beside those whose names say so; sorted. No part of the digest. */
  readonly secretVariables: readonly string[];
  /** Files and directories of the builder that variables of type `path` name and hooks read, by variable. */
  readonly inputFiles: Readonly<Record<string, InputFile>>;
  readonly packages: Readonly<Record<'pre-install.d' | 'install.d' | 'post-install.d', PhasePackages>>;
  /** Per element, the flattened pkg-map of this distribution: name -> real names, '' for none. */
  readonly packageMaps: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The flattened svc-map of this distribution: what a service is called there, by the name that elements use. */
  readonly serviceMap: Readonly<Record<string, string>>;
  /** What source-repositories puts into the tree, by name. */
  readonly sources: readonly SourceRepository[];
  /** SHA-256 of the helpers that run hooks and install packages. */
  readonly libexec: string;
  /** Files that cleanup.d hooks make for the user, by what follows the name of the image: `.vmlinuz` for NAME.vmlinuz. */
  readonly extraOutputs: readonly string[];
  /** Directories of DIB_IMAGE_CACHE that hooks inside the image see too; sorted. No part of the digest. */
  readonly caches: readonly string[];
  /** block-device-ARCH.yaml or block-device-default.yaml of the first element that has one. */
  readonly blockDevice?: { readonly file: string; readonly text: string; readonly element: string } | undefined;
  /** What hooks and files can read: it follows from their content. */
  readonly reads: ElementReads;
  /** SHA-256 over all of the above. */
  readonly digest: string;
}

/** A name that the user wrote in image.yaml. */
export interface NamedElement {
  readonly name: string;
  readonly range?: SourceRange | undefined;
}
