/**
 * Text that is safe to show on a terminal: control characters (C0, DEL, C1), line and paragraph separators, lone surrogates and
 * characters that reorder or hide text are written as escapes. Tabs become one space. Line feeds are escaped too, unless kept.
 */
export function printable(text: string, keep: 'none' | 'lines' = 'none'): string {
  const unsafe = /[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;
  return text.replaceAll(unsafe, (character) => {
    if (character === '\t') return ' ';
    if (character === '\n' && keep === 'lines') return '\n';
    const short = SHORT_ESCAPES[character];
    if (short !== undefined) return short;
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\0': '\\0' };

/** A value of the user's as code inside a sentence: escaped, and cut after `limit` characters. */
export function quoted(value: string, limit = 60): string {
  const characters = [...value];
  const cut = characters.length > limit ? `${characters.slice(0, limit - 1).join('')}…` : value;
  return `\`${printable(cut)}\``;
}

/** A path as code inside a sentence: escaped, and whole unless it is longer than Linux takes. */
export function quotedPath(path: string): string {
  return quoted(path, PATH_MAX);
}

/** limits.h(0P) of Linux, in bytes. */
const PATH_MAX = 4096;

/** A sentence with its first letter in upper case; one that starts with a quoted value stays as it is. */
export function capitalised(sentence: string): string {
  return /^[a-z]/u.test(sentence) ? sentence.charAt(0).toUpperCase() + sentence.slice(1) : sentence;
}
