import type { Diagnostic } from './diagnostic.ts';
import { type SourceLookup, SourceText } from './source-text.ts';

/**
 * The texts of files with every place of a sensitive diagnostic written over with `*`, line for line, so that no code frame shows it: neither its own
 * nor that of another diagnostic nearby. Offsets stay.
 */
export function withoutSecrets(sources: SourceLookup, diagnostics: readonly Diagnostic[]): SourceLookup {
  const places = diagnostics.flatMap(({ sensitive, range }) => (sensitive && range !== undefined ? [range] : []));
  if (places.length === 0) return sources;
  const masked = new Map<string, SourceText | undefined>();
  return (file) => {
    if (!masked.has(file)) {
      const source = sources(file);
      const inside = places.filter((range) => range.file === file);
      masked.set(
        file,
        source &&
          new SourceText(
            file,
            inside.reduce((text, { start, end }) => mask(text, start.offset, end.offset), source.text),
          ),
      );
    }
    return masked.get(file);
  };
}

function mask(text: string, start: number, end: number): string {
  return `${text.slice(0, start)}${text.slice(start, end).replace(/[^\r\n]/gu, (character) => '*'.repeat(character.length))}${text.slice(end)}`;
}
