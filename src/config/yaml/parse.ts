import { Composer, type Document, isScalar, Lexer, type ParsedNode, Parser } from 'yaml';
import type { Diagnostic, Locator } from '../../diagnostics/diagnostic.ts';
import type { SourceText } from '../../diagnostics/source-text.ts';
import type { Json } from '../../util/json.ts';
import { toValue } from './convert.ts';
import { YAML_LIMITS } from './limits.ts';
import { locatorOf } from './locate.ts';
import { syntaxDiagnostic } from './syntax-errors.ts';

export interface YamlDocument {
  /** Absent when the text has no content, or is so broken that nothing in it can be trusted. */
  readonly value?: Json | undefined;
  /** The text could be read as a whole; `value` may nevertheless come with errors, such as duplicate keys. */
  readonly readable: boolean;
  readonly locate: Locator;
  /** A value exactly as it is written, quotes included; undefined where there is none. Aliases give the text of their anchor. */
  readonly sourceText: (pointer: string) => string | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

type Token = Parameters<Composer['next']>[0];

/**
 * Reads one YAML 1.2 document (core schema) and collects what is wrong with it: syntax, several documents, unknown tags, keys that
 * are twice there or are no text, aliases that lead nowhere, into themselves or explode, and whatever goes beyond YAML_LIMITS.
 * Never throws, whatever the text.
 */
export function parseYaml(source: SourceText): YamlDocument {
  const tokens = tokenise(source);
  if (!Array.isArray(tokens)) return unreadable([tokens]);
  const { document, diagnostics } = compose(tokens, source);
  if (diagnostics.length > 0 && diagnostics.some((diagnostic) => FATAL.has(diagnostic.code))) return unreadable(diagnostics);
  const root = document?.contents as ParsedNode | null | undefined;
  if (root === null || root === undefined || (isScalar(root) && root.value === null)) {
    return { ...unreadable(diagnostics), readable: true };
  }
  const converted = toValue(root, source);
  const found = [...diagnostics, ...converted.diagnostics];
  if (found.some((diagnostic) => FATAL.has(diagnostic.code))) return unreadable(found);
  const tree = locatorOf(root, converted.targets, source);
  return {
    value: converted.value,
    readable: true,
    locate: tree.locate,
    sourceText: tree.sourceText,
    diagnostics: found,
  };
}

/** Errors after which the values of the document are guesswork. */
const FATAL: ReadonlySet<string> = new Set(['DIB_YAML_SYNTAX', 'DIB_YAML_TOO_DEEP', 'DIB_YAML_ALIAS_BOMB']);

function unreadable(diagnostics: readonly Diagnostic[]): YamlDocument {
  return { readable: false, diagnostics, locate: () => undefined, sourceText: () => undefined };
}

/** The first pass of the parser, which keeps its own stack; the next one recurses, so depth is limited here. */
function tokenise(source: SourceText): Token[] | Diagnostic {
  const parser = new Parser();
  const tokens: Token[] = [];
  for (const lexeme of new Lexer().lex(source.text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (parser.stack.length > YAML_LIMITS.depth && parser.stack.filter(isCollectionToken).length > YAML_LIMITS.depth) {
      return tooDeep(source, parser.offset);
    }
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

function isCollectionToken(token: { readonly type: string }): boolean {
  return token.type === 'block-map' || token.type === 'block-seq' || token.type === 'flow-collection';
}

function tooDeep(source: SourceText, offset: number): Diagnostic {
  return {
    code: 'DIB_YAML_TOO_DEEP',
    severity: 'error',
    summary: `More than ${YAML_LIMITS.depth} lists and mappings inside each other`,
    detail: 'Nothing in a configuration is that deep; the rest of the file was not read.',
    range: source.range(Math.max(0, offset - 1), offset),
  };
}

function compose(tokens: readonly Token[], source: SourceText): { document?: Document.Parsed; diagnostics: Diagnostic[] } {
  // Errors of the parser are told by their positions: their stack traces, a million of them in a hostile file, only cost time.
  const traceLimit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    const composer = new Composer({
      version: '1.2',
      schema: 'core',
      strict: true,
      // Found in toValue: the parser compares each key with each other.
      uniqueKeys: false,
      stringKeys: true,
      merge: false,
      resolveKnownTags: false,
      logLevel: 'silent',
    });
    const documents: Document.Parsed[] = [];
    for (const document of composer.compose(tokens, true, source.text.length)) {
      documents.push(document as Document.Parsed);
      if (documents.length > 1) break;
    }
    const [document, second] = documents;
    if (document === undefined) return { diagnostics: [] };
    // A warning means that a value is not read as it is written: an error, here. Except for a `]` in the column of its key: YAML 1.2
    // forbids it, everybody writes it, and it means but one thing.
    const warnings = document.warnings.filter((warning) => warning.code !== 'BAD_INDENT');
    const errors = [...document.errors.slice(0, 1000), ...warnings.slice(0, 1000)];
    const diagnostics = onePerLine(errors.map((error) => syntaxDiagnostic(error, source, tokens)));
    if (second !== undefined) diagnostics.push(severalDocuments(source, tokens, second));
    return { document, diagnostics };
  } finally {
    Error.stackTraceLimit = traceLimit;
  }
}

/** One broken place makes the parser stumble several times; the first message of a line is the one to heed. */
function onePerLine(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  return diagnostics
    .toSorted((left, right) => (left.range?.start.offset ?? 0) - (right.range?.start.offset ?? 0))
    .filter((diagnostic) => {
      const key = `${diagnostic.code === 'DIB_YAML_SYNTAX'}:${diagnostic.range?.start.line}`;
      if (diagnostic.code === 'DIB_YAML_SYNTAX' && seen.has(key)) return false;
      seen.add(key);
      return true;
    });
}

function severalDocuments(source: SourceText, tokens: readonly Token[], second: Document.Parsed): Diagnostic {
  const starts = tokens.filter((token) => token.type === 'document').map((token) => (token as { offset: number }).offset);
  const start = starts.length > 1 ? (starts[1] ?? second.range[0]) : second.range[0];
  return {
    code: 'DIB_YAML_SEVERAL_DOCUMENTS',
    severity: 'error',
    summary: 'A second document starts here',
    detail: 'A file describes one thing; documents after the first would be ignored.',
    help: 'Move it into a file of its own, or remove the `---`.',
    range: source.range(start, Math.min(start + 3, source.text.length)),
  };
}
