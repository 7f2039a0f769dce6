import type { CST } from 'yaml';

/** A bracket or quote that is opened and never closed. */
export interface Unclosed {
  readonly offset: number;
  readonly character: string;
}

/**
 * The innermost unclosed bracket or quote that is open at an offset. The parser complains where it gave up, often at the end of
 * the file; the writer's mistake is where it was opened. Recursion is bounded: the nesting of the tokens was limited before.
 */
export function unclosedAt(tokens: readonly CST.Token[], offset: number): Unclosed | undefined {
  let found: Unclosed | undefined;
  const visit = (token: CST.Token | null | undefined): void => {
    if (token === null || token === undefined || !('offset' in token) || token.offset > offset) return;
    const open = openedBy(token);
    if (open !== undefined && (found === undefined || open.offset > found.offset)) found = open;
    if ('items' in token) {
      for (const item of token.items) {
        if ('key' in item) visit(item.key);
        visit(item.value);
      }
    }
    if (token.type === 'document') visit(token.value);
  };
  for (const token of tokens) visit(token);
  return found;
}

function openedBy(token: CST.Token): Unclosed | undefined {
  if (token.type === 'flow-collection') {
    const closed = token.end.some((end) => end.type === 'flow-map-end' || end.type === 'flow-seq-end');
    return closed ? undefined : { offset: token.start.offset, character: token.start.source };
  }
  if (token.type !== 'double-quoted-scalar' && token.type !== 'single-quoted-scalar') return undefined;
  const quote = token.source.charAt(0);
  return isClosed(token.source, quote) ? undefined : { offset: token.offset, character: quote };
}

function isClosed(source: string, quote: string): boolean {
  if (source.length < 2 || !source.endsWith(quote)) return false;
  if (quote === "'") return true;
  const backslashes = /\\*$/u.exec(source.slice(1, -1))?.[0].length ?? 0;
  return backslashes % 2 === 0;
}
