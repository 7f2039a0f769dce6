import { type Alias, isAlias, isMap, isScalar, isSeq, type ParsedNode, type Scalar, type YAMLMap } from 'yaml';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { quoted } from '../../diagnostics/printable.ts';
import type { SourceText } from '../../diagnostics/source-text.ts';
import { didYouMean } from '../../diagnostics/suggest.ts';
import type { Json } from '../../util/json.ts';
import { YAML_LIMITS } from './limits.ts';

export interface Converted {
  readonly value: Json;
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<Alias, ParsedNode>;
  readonly diagnostics: readonly Diagnostic[];
}

/** The plain value of a parsed document. Our own walk, because only here duplicates, aliases and sizes have positions. */
export function toValue(root: ParsedNode, source: SourceText): Converted {
  const walk = new Conversion(source);
  const value = walk.convert(root, 1);
  return { value, targets: walk.targets, diagnostics: walk.diagnostics };
}

class Conversion {
  readonly targets = new Map<Alias, ParsedNode>();
  readonly diagnostics: Diagnostic[] = [];
  readonly #source: SourceText;
  readonly #anchors = new Map<string, ParsedNode>();
  /** Nodes that are being converted: an alias to one of them has no end. */
  readonly #open = new Set<ParsedNode>();
  #aliases = 0;
  #aliasedValues = 0;
  #insideAlias = 0;
  /** The alias that is written where the walk is, when it is behind aliases of aliases. */
  #outermost: Alias | undefined;

  constructor(source: SourceText) {
    this.#source = source;
  }

  convert(node: ParsedNode | null, depth: number): Json {
    if (node === null) return null;
    if (this.#insideAlias > 0) this.#aliasedValues += 1;
    if (isAlias(node)) return this.#alias(node as Alias, depth);
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined && this.#insideAlias === 0) this.#anchors.set(anchor, node);
    if (isScalar(node)) return this.#scalar(node);
    this.#open.add(node);
    let value: Json = null;
    if (isMap(node)) value = this.#map(node as YAMLMap.Parsed, depth);
    else if (isSeq(node)) value = node.items.map((item) => this.convert(item as ParsedNode, depth + 1));
    this.#open.delete(node);
    return value;
  }

  #map(node: YAMLMap.Parsed, depth: number): Json {
    const members = new Map<string, Json>();
    const keys = new Map<string, ParsedNode>();
    for (const pair of node.items) {
      const key = pair.key as ParsedNode | null;
      // Other keys were reported by the parser.
      if (!isScalar(key)) continue;
      const name = String(this.#scalar(key as Scalar.Parsed));
      const first = keys.get(name);
      if (first === undefined) keys.set(name, key);
      else if (this.#insideAlias === 0) this.#duplicate(name, key, first);
      const value = this.convert(pair.value as ParsedNode | null, depth + 1);
      if (first === undefined) members.set(name, value);
    }
    // Unlike assignment, fromEntries makes a member of `__proto__`, too.
    return Object.fromEntries(members);
  }

  #scalar(node: Scalar.Parsed): Json {
    const value: unknown = node.value;
    if (typeof value === 'string') {
      if (value.length > YAML_LIMITS.scalar) this.#tooLong(node, value.length);
      else if (value.includes('\0')) this.#nul(node);
      return value;
    }
    // JSON has no .inf and .nan: they stay what they look like.
    if (typeof value === 'number') return Number.isFinite(value) ? value : this.#text(node);
    if (typeof value === 'boolean' || value === null) return value;
    return this.#text(node);
  }

  #alias(node: Alias, depth: number): Json {
    const target = this.#anchors.get(node.source);
    if (target === undefined) return this.#report(node, this.#undefinedAlias(node.source));
    this.targets.set(node, target);
    this.#aliases += this.#insideAlias === 0 ? 1 : 0;
    if (this.#open.has(target)) {
      return this.#report(node, {
        code: 'DIB_YAML_ALIAS',
        summary: `The alias ${quoted(`*${node.source}`)} stands inside of its own anchor`,
        help: 'Write the value out.',
      });
    }
    if (depth > YAML_LIMITS.depth) {
      return this.#report(node, {
        code: 'DIB_YAML_TOO_DEEP',
        summary: `More than ${YAML_LIMITS.depth} lists and mappings inside each other, through aliases`,
      });
    }
    if (this.#aliases > YAML_LIMITS.aliases || this.#aliasedValues > YAML_LIMITS.aliasedValues)
      return this.#bomb(this.#insideAlias === 0 ? node : (this.#outermost ?? node));
    if (this.#insideAlias === 0) this.#outermost = node;
    this.#insideAlias += 1;
    const value = this.convert(target, depth);
    this.#insideAlias -= 1;
    return value;
  }

  #bomb(node: Alias): Json {
    const already = this.diagnostics.some((diagnostic) => diagnostic.code === 'DIB_YAML_ALIAS_BOMB');
    if (already) return null;
    const many = this.#aliases > YAML_LIMITS.aliases;
    return this.#report(node, {
      code: 'DIB_YAML_ALIAS_BOMB',
      summary: many
        ? `More than ${YAML_LIMITS.aliases} aliases`
        : `aliases of aliases amount to more than ${YAML_LIMITS.aliasedValues} values`,
      detail: 'A small file could fill the memory this way; the rest of the file was not checked.',
      help: 'Write the values out.',
    });
  }

  #undefinedAlias(name: string): Omit<Diagnostic, 'severity'> {
    const near = didYouMean(name, this.#anchors.keys());
    return {
      code: 'DIB_YAML_ALIAS',
      summary: `No anchor ${quoted(`&${name}`)} stands before this alias`,
      help: near === undefined ? 'Put the text in quotes if it only starts with `*`.' : `Did you mean ${quoted(`*${near}`)}?`,
    };
  }

  #duplicate(name: string, key: ParsedNode, first: ParsedNode): void {
    const range = this.#source.range(first.range[0], first.range[1]);
    this.#report(key, {
      code: 'DIB_YAML_DUPLICATE_KEY',
      summary: `The key ${quoted(name)} is there twice`,
      detail: `It was first given in line ${range.start.line}; only one of them can hold.`,
      help: 'Remove one, or merge their values.',
      related: [{ message: 'first given here', range }],
    });
  }

  #tooLong(node: Scalar.Parsed, length: number): void {
    this.#report(node, {
      code: 'DIB_YAML_TOO_LONG',
      summary: `A text of ${length} characters; at most ${YAML_LIMITS.scalar} are allowed`,
      help: 'Put long content into a file of an element.',
    });
  }

  #nul(node: Scalar.Parsed): void {
    this.#report(node, {
      code: 'DIB_YAML_NUL',
      summary: 'A text with a NUL character',
      detail: 'Neither file names nor arguments nor environment variables can hold it.',
      help: 'Remove it.',
    });
  }

  /** Reports once per place: nodes behind aliases are seen several times. */
  #report(node: ParsedNode | Alias, problem: Omit<Diagnostic, 'severity'>): null {
    const [start, end] = node.range ?? [0, 0];
    const range = this.#source.range(start, end);
    const seen = this.#insideAlias > 0 && this.diagnostics.some((other) => other.range?.start.offset === start);
    if (!seen) this.diagnostics.push({ severity: 'error', ...problem, range });
    return null;
  }

  #text(node: Scalar.Parsed): string {
    return this.#source.text.slice(node.range[0], node.range[1]);
  }
}
