import type { ElementReads, ElementSet, Hook } from './element.ts';
import { entryNames, firstLevel, LIBRARY } from './element-reads.ts';
import { isRead, type Reads, readsOf, scanText } from './reads.ts';
import { isProvidedVariable } from './variables.ts';

/** What the hooks of a layer are given, and so what its key holds. */
export interface Sight {
  /** Names of those among the variables asked for. */
  readonly variables: ReadonlySet<string>;
  /** Paths of hooks of other layers that lie in the hook tree. */
  readonly otherHooks: readonly string[];
  /** First-level entries of the hook tree, save for hooks. */
  readonly entries: readonly string[];
  /** Whether environment.d is sourced. */
  readonly environmentFiles: boolean;
}

/**
 * What each layer sees, lowest first: what its hooks and those of the layers below can read, as a hook leaves programs for later ones to run.
 * `layers`: the hooks of each; `given`: the variables to judge, with their values, which may be texts that are run. Pure.
 * What does not begin with `DIB_` is seen by all, as any program may know its name; so is a variable that no text names.
 */
export function sights(
  set: ElementSet,
  given: Readonly<Record<string, string>>,
  layers: readonly (readonly string[])[],
): Sight[] {
  const reader = new Reader(set, given);
  return layers.map((hooks) => reader.layer(hooks));
}

class Reader {
  readonly #set: ElementSet;
  readonly #given: Readonly<Record<string, string>>;
  readonly #names: ReadonlySet<string>;
  readonly #hooks: ReadonlyMap<string, Hook>;
  /** Variables that every layer sees. */
  readonly #common: ReadonlySet<string>;
  /** Texts that were read already. */
  readonly #texts = new Set<string>();
  readonly #variables: Set<string>;
  readonly #entries = new Set<string>();
  #environment = false;
  #tree = false;

  constructor(set: ElementSet, given: Readonly<Record<string, string>>) {
    this.#set = set;
    this.#given = given;
    this.#names = entryNames(set);
    const hooks = Object.values(set.hooks).flat();
    this.#hooks = new Map(hooks.map((hook) => [`${hook.phase}/${hook.name}`, hook]));
    const isCommon = (name: string) => !name.startsWith('DIB_') || (!isProvidedVariable(name) && !isNamed(name, set.reads));
    this.#common = new Set(Object.keys(given).filter(isCommon));
    this.#variables = new Set(set.reads.helpers);
  }

  layer(own: readonly string[]): Sight {
    const phases = new Set(own.map(firstLevel));
    for (const path of own) this.#readEntry(path);
    if (own.length > 0) for (const { path } of this.#set.environmentFiles) this.#readEntry(path);
    // What one text names may be a text itself.
    for (let before = -1; before < this.#texts.size; ) {
      before = this.#texts.size;
      for (const path of own.length > 0 ? this.#visibleTexts(own, phases) : []) this.#readEntry(path);
      for (const name of this.#visibleVariables()) this.#readVariable(name);
    }
    const variables = new Set(this.#visibleVariables());
    if (own.length === 0) return { variables, otherHooks: [], entries: [], environmentFiles: false };
    return {
      variables,
      otherHooks: this.#otherHooks(own),
      entries: [...new Set(this.#visibleFiles(phases).map(firstLevel))],
      environmentFiles: true,
    };
  }

  #visibleTexts(own: readonly string[], phases: ReadonlySet<string>): readonly string[] {
    const isText = (path: string) => !path.startsWith(LIBRARY) || this.#tree || this.#usesLibrary(path);
    return [...this.#otherHooks(own), ...this.#visibleFiles(phases).filter(isText)];
  }

  #usesLibrary(path: string): boolean {
    return this.#entries.has('_LIB') && this.#entries.has(path.slice(LIBRARY.length));
  }

  #otherHooks(own: readonly string[]): readonly string[] {
    const named = ({ phase, name }: Hook) => this.#tree || this.#entries.has(phase) || this.#entries.has(name);
    return [...this.#hooks].filter(([path, hook]) => named(hook) && !own.includes(path)).map(([path]) => path);
  }

  #visibleFiles(phases: ReadonlySet<string>): readonly string[] {
    const sees = (entry: string) => this.#tree || phases.has(entry) || this.#entries.has(entry) || entry === firstLevel(LIBRARY);
    return this.#set.files.map(({ path }) => path).filter((path) => sees(firstLevel(path)));
  }

  #visibleVariables(): readonly string[] {
    const sees = (name: string) => this.#environment || this.#common.has(name) || isRead(name, this.#variables);
    return Object.keys(this.#given).filter(sees);
  }

  #readEntry(path: string): void {
    const reads = this.#set.reads.entries[path];
    if (reads !== undefined && !this.#texts.has(path)) this.#read(path, reads);
  }

  #readVariable(name: string): void {
    const text = `$${name}`;
    if (this.#texts.has(text)) return;
    this.#read(text, readsOf(scanText({ text: this.#given[name] ?? '' }), this.#names));
    const input = this.#set.reads.inputs[name];
    if (input !== undefined) this.#read(text, input);
  }

  #read(text: string, { variables, environment, entries, tree }: Reads): void {
    this.#texts.add(text);
    for (const name of variables) this.#variables.add(name);
    for (const entry of entries) this.#entries.add(entry);
    this.#environment ||= environment;
    this.#tree ||= tree;
  }
}

function isNamed(name: string, { entries, inputs, planned }: ElementReads): boolean {
  return (
    planned.includes(name) || [...Object.values(entries), ...Object.values(inputs)].some((reads) => isRead(name, reads.variables))
  );
}
