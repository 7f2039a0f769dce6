import { readFileSync, statSync } from 'node:fs';
import { type SourceLookup, SourceText } from './source-text.ts';

/** Larger files are no sources. Bytes. */
const LARGEST = 1024 * 1024;

/** Texts of files for code frames: those that are given, else read from disk when first asked for, and kept. Never throws. */
export function sourceFiles(known: Iterable<SourceText> = []): SourceLookup {
  const texts = new Map<string, SourceText | undefined>();
  for (const source of known) texts.set(source.file, source);
  return (file) => {
    if (!texts.has(file)) texts.set(file, read(file));
    return texts.get(file);
  };
}

function read(file: string): SourceText | undefined {
  try {
    const status = statSync(file);
    if (!status.isFile() || status.size > LARGEST) return undefined;
    return new SourceText(file, new TextDecoder('utf-8', { ignoreBOM: true }).decode(readFileSync(file)));
  } catch {
    // A diagnostic without its code frame is still a diagnostic.
    return undefined;
  }
}
