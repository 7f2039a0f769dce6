import { isSecretName } from '../config/secrets.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import { note } from './imported.ts';

/** Variables of diskimage-builder that steer the builder: nothing of the image depends on them. */
const OF_THE_BUILDER: Readonly<Record<string, string>> = {
  DIB_IMAGE_CACHE: 'dib reads it from the environment of each run',
  DIB_DEBUG_TRACE: 'dib reads it from the environment of each run',
  DIB_OFFLINE: 'what is built already is taken from the cache in any case',
  DIB_NO_TMPFS: 'dib never builds in memory',
  DIB_MIN_TMPFS: 'dib never builds in memory',
  DIB_QUIET: 'dib prints progress, and keeps the logs of actions apart',
  DIB_NO_TIMESTAMP: 'dib keeps the logs of actions apart, without timestamps',
  DIB_CHECKSUM: 'dib always writes a `.sha256` beside every output',
  DIB_SHOW_IMAGE_USAGE: 'the plan and `dib show` say how large things are',
  DIB_SHOW_IMAGE_USAGE_FULL: 'the plan and `dib show` say how large things are',
  DIB_GZIP_BIN: 'dib compresses by itself',
  DIB_LOCKFILES: 'dib has locks of its own',
  DIB_PYTHON_EXEC: 'dib needs no Python',
  DIB_PYTHON_LOGGING_CONFIG_FILE: 'dib needs no Python',
};

/** Besides all that begin with DIB_: what diskimage-builder documents as its interface. */
const OTHERS: readonly string[] = ['FS_TYPE', 'ROOT_LABEL', 'MAX_ONLINE_RESIZE', 'NO_SOURCE_REPOSITORIES'];

/** Given to the importer by other means than `environment`. */
const ELSEWHERE: ReadonlySet<string> = new Set(['DIB_BLOCK_DEVICE_CONFIG']);

export interface CarriedVariables {
  readonly environment: Readonly<Record<string, string>>;
  readonly notes: readonly Diagnostic[];
}

/** The variables that image.yaml is to hold. Secrets are not among them: a file that is shared is no place for them. */
export function carryVariables(environment: Readonly<Record<string, string | undefined>>): CarriedVariables {
  const carried: Record<string, string> = {};
  const notes: Diagnostic[] = [];
  for (const name of Object.keys(environment).sort()) {
    const value = environment[name];
    if (value === undefined || value === '' || ELSEWHERE.has(name)) continue;
    if (!name.startsWith('DIB_') && !OTHERS.includes(name)) continue;
    const why = OF_THE_BUILDER[name];
    if (why !== undefined) notes.push(note(`The variable ${quoted(name)} is left out: ${why}`));
    else if (isSecretName(name)) notes.push(secret(name));
    else carried[name] = value;
  }
  return { environment: carried, notes };
}

function secret(name: string): Diagnostic {
  return note(`The variable ${quoted(name)} is left out: its value is a secret`, {
    detail: 'image.yaml is meant to be kept in version control.',
    help: `Export it when you run dib: variables of the caller that begin with \`DIB_\` count as if image.yaml had them.`,
  });
}
