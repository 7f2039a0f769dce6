import type { CST, YAMLError } from 'yaml';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { quoted } from '../../diagnostics/printable.ts';
import type { SourceText } from '../../diagnostics/source-text.ts';
import { unclosedAt } from './unclosed.ts';

interface Sentence {
  readonly code?: string;
  readonly summary: string;
  readonly help?: string;
}

/** What the parser's error codes mean to the writer of a file. */
const SENTENCES: Readonly<Record<string, Sentence>> = {
  ALIAS_PROPS: { summary: 'An alias cannot have an anchor or a tag of its own' },
  BAD_ALIAS: { summary: 'This is not the name of an alias', help: 'Put the text in quotes if it only starts with `*` or `&`.' },
  BAD_DIRECTIVE: { summary: 'This is not a YAML directive', help: 'Put the text in quotes if it only starts with `%`.' },
  BAD_DQ_ESCAPE: { summary: 'This is not an escape sequence', help: "Double the backslash, or use single quotes: '...'." },
  BAD_INDENT: { summary: 'Wrong indentation', help: 'Lines of one mapping or list start in the same column.' },
  BAD_PROP_ORDER: { summary: 'Anchors and tags stand after `-`, `?` and `:`' },
  BAD_SCALAR_START: { summary: 'Plain text cannot start with this character', help: 'Put the text in quotes.' },
  BLOCK_AS_IMPLICIT_KEY: {
    summary: 'Two keys on one line, or a wrong indentation',
    help: 'Write one `key: value` per line; put text that has `: ` in it in quotes.',
  },
  BLOCK_IN_FLOW: { summary: 'Block notation inside of { } or [ ]', help: 'Write { key: value } and [a, b] on one line.' },
  KEY_OVER_1024_CHARS: { summary: 'A key is longer than 1024 characters' },
  MULTILINE_IMPLICIT_KEY: { summary: 'A key goes over several lines', help: 'A `:` may be missing in this line.' },
  MULTIPLE_ANCHORS: { summary: 'A value has several anchors' },
  MULTIPLE_TAGS: { summary: 'A value has several tags' },
  NON_STRING_KEY: { code: 'DIB_YAML_KEY', summary: 'A key must be text', help: 'Put text that starts with { or [ in quotes.' },
  TAB_AS_INDENT: { summary: 'A tab is used as indentation', help: 'YAML is indented with spaces.' },
  BAD_COLLECTION_TYPE: { code: 'DIB_YAML_TAG', summary: 'This tag does not fit the value', help: 'Remove the tag.' },
};

/** Messages of the parser that something was not closed. */
const CLOSING = /must (?:be sufficiently indented and )?end with a|Missing closing/u;
const CLOSERS: Readonly<Record<string, string>> = { '[': ']', '{': '}' };

/** A key without its colon, or a dash without its blank. */
const NO_PAIR = /^Implicit map keys need to be followed by map values/u;

/** Says an error or warning of the parser; warnings are errors too, because the value would be read otherwise than it is written. */
export function syntaxDiagnostic(error: YAMLError, source: SourceText, tokens: readonly CST.Token[]): Diagnostic {
  const [start, end] = error.pos;
  const opened = CLOSING.test(error.message) ? unclosedAt(tokens, start) : undefined;
  if (opened !== undefined) {
    return {
      code: 'DIB_YAML_SYNTAX',
      severity: 'error',
      summary: `This ${quoted(opened.character)} is never closed`,
      detail: `Up to line ${source.position(start).line}, where reading stopped, no ${quoted(CLOSERS[opened.character] ?? opened.character)} belongs to it.`,
      help: `Add the ${quoted(CLOSERS[opened.character] ?? opened.character)}.`,
      range: source.range(opened.offset, opened.offset + 1),
    };
  }
  const range = source.range(start, Math.max(end, start + 1));
  if (error.code === 'TAG_RESOLVE_FAILED') {
    const tag = source.text.slice(start, end).trim();
    return {
      code: 'DIB_YAML_TAG',
      severity: 'error',
      summary: tag.startsWith('!') ? `Unknown tag ${quoted(tag)}` : 'This tag does not fit the value',
      detail: 'Values are text, numbers, booleans, lists and mappings; tags say nothing more here.',
      help: 'Remove the tag, or put the text in quotes if it only starts with `!`.',
      range,
    };
  }
  const sentence: Sentence | undefined = NO_PAIR.test(error.message)
    ? { summary: 'Neither `key: value` nor a list item', help: 'A `:` after the key, or the blank after `-`, may be missing.' }
    : SENTENCES[error.code];
  const parser = firstLetterSmall(error.message.replace(/\s+/gu, ' ').trim());
  return {
    code: sentence?.code ?? 'DIB_YAML_SYNTAX',
    severity: 'error',
    summary: sentence?.summary ?? `Not valid YAML: ${parser.length > 120 ? `${parser.slice(0, 119)}…` : parser}`,
    detail: sentence === undefined ? undefined : `The parser says: ${parser.length > 160 ? `${parser.slice(0, 159)}…` : parser}.`,
    help: sentence?.help,
    range,
  };
}

function firstLetterSmall(text: string): string {
  return /^[A-Z][a-z]/u.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
