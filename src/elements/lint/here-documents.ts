import type { Line } from './rule.ts';

/** The lines of a shell script that are code: no text of a here-document, and none inside of a quote that goes over several lines. */
export function codeLines(lines: readonly Line[]): Line[] {
  const code: Line[] = [];
  const waiting: { readonly end: string; readonly tabs: boolean }[] = [];
  let quote: string | undefined;
  for (const line of lines) {
    const here = waiting[0];
    if (here !== undefined) {
      if ((here.tabs ? line.text.replace(/^\t+/u, '') : line.text) === here.end) waiting.shift();
      continue;
    }
    if (quote === undefined) code.push(line);
    quote = scan(line.text, quote, waiting);
  }
  return code;
}

/** Follows quotes through one line, and notes the here-documents that begin after it; gives the quote that is still open. */
function scan(
  text: string,
  open: string | undefined,
  waiting: { readonly end: string; readonly tabs: boolean }[],
): string | undefined {
  let quote = open;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (quote === undefined) {
      if (char === '\\') at += 1;
      else if (char === "'" || char === '"') quote = char;
      else if (char === '#' && (at === 0 || /[\s;]/u.test(text[at - 1] ?? ''))) break;
      else if (text.startsWith('<<', at)) {
        const match = /^<<(-?)\s*(?:'([^']+)'|"([^"]+)"|\\?([\w.-]+))/u.exec(text.slice(at));
        const end = match?.[2] ?? match?.[3] ?? match?.[4];
        if (match !== null && end !== undefined && text[at + 2] !== '<') {
          waiting.push({ end, tabs: match[1] === '-' });
          at += match[0].length - 1;
        } else at += 2;
      }
    } else if (char === '\\' && quote === '"') at += 1;
    else if (char === quote) quote = undefined;
  }
  return quote;
}
