import type { Diagnostic, SourceRange } from '../diagnostics/diagnostic.ts';
import type { Json } from '../util/json.ts';

/** One build as diskimage-builder is asked for it: on a command line, or by an entry of its YAML front end. */
export interface BuildRequest {
  readonly program: 'disk-image-create' | 'ramdisk-image-create';
  /** Options in the order given, by their long names with dashes, as `FLAGS` has them. */
  readonly settings: readonly Setting[];
  readonly elements: readonly string[];
  /** Variables that the build sees; of a command line, those of the caller. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** For people: what it was read from, lines for the head of the file. */
  readonly origin: readonly string[];
}

/** An option with its value, and where it stands if it stands in a file. */
export interface Setting {
  readonly flag: string;
  /** '' for options without one. */
  readonly value: string;
  readonly range?: SourceRange | undefined;
}

/** What image.yaml is going to say, and what could not be said there. */
export interface Imported {
  readonly name: string;
  readonly distro?:
    | {
        readonly name: string;
        readonly release: string;
        readonly arch?: string | undefined;
        readonly mirror?: string | undefined;
        readonly components?: readonly string[] | undefined;
      }
    | undefined;
  readonly elements: readonly string[];
  readonly elementsPath: readonly string[];
  readonly skipBase: boolean;
  readonly packages: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly blockDevice?: ImportedLayout | undefined;
  readonly outputs: readonly ImportedOutput[];
  /** Why something stands there as it does, by the key of image.yaml that it concerns; a line each. */
  readonly comments: Readonly<Record<string, readonly string[]>>;
  readonly origin: readonly string[];
  /** What was left out or changed in meaning: warnings. */
  readonly notes: readonly Diagnostic[];
}

/** A layout, in the tree notation as far as it has a tree. */
export interface ImportedLayout {
  readonly list: readonly Json[];
  /** The text as it was written, comments and all, when it needed no change. */
  readonly text?: string | undefined;
}

/** Elements that are neither shipped with dib nor on ELEMENTS_PATH. */
export interface UpstreamElements {
  /** Absolute path of diskimage-builder's own elements, if they are on this machine; they have all of `names` then. */
  readonly tree?: string | undefined;
  /** Never empty. */
  readonly names: readonly string[];
}

export interface ImportedOutput {
  readonly format: 'raw' | 'qcow2' | 'tar';
  readonly path?: string | undefined;
  readonly compression?: 'none' | 'gzip' | 'zlib' | undefined;
}

/** A warning that something is not, or not quite, carried over. */
export function note(summary: string, more: Pick<Diagnostic, 'detail' | 'help' | 'range'> = {}): Diagnostic {
  return { code: 'DIB_IMPORT_NOT_CARRIED_OVER', severity: 'warning', summary, ...more };
}
