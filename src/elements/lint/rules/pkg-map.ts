import { parseYaml } from '../../../config/yaml/parse.ts';
import { pointerToken } from '../../../diagnostics/pointer.ts';
import { quoted } from '../../../diagnostics/printable.ts';
import type { SourceText } from '../../../diagnostics/source-text.ts';
import { didYouMean, listOf } from '../../../diagnostics/suggest.ts';
import type { Json, JsonObject } from '../../../util/json.ts';
import { distroFamilies, knownDistroNames } from '../../package-map.ts';
import { type Finding, fileRule } from '../rule.ts';

const SECTIONS = ['default', 'distro', 'family', 'release'];

/** pkg-map is JSON with the sections that are looked at. */
export const pkgMap = fileRule({
  name: 'pkg-map',
  about: '`pkg-map` is JSON: `default`, `family`, `distro` and `release`, with names of packages in them',
  check: (file, source) => (file.path === 'pkg-map' && !file.executable ? checkMap(source) : []),
});

function checkMap(source: SourceText): Finding[] {
  try {
    JSON.parse(source.text);
  } catch (error) {
    return [
      {
        summary: '`pkg-map` is not JSON',
        detail: `The parser says: ${String((error as Error).message)}.`,
        help: 'Put names into double quotes, and no comma after the last.',
        range: jsonErrorPlace(source, error),
      },
    ];
  }
  // JSON is YAML, and our reader of that knows where things are.
  const { value, locate, diagnostics } = parseYaml(source);
  const findings: Finding[] = [...diagnostics];
  if (!isMapping(value))
    return [
      ...findings,
      { summary: '`pkg-map` is not a mapping', help: 'Write `{ "default": { ... } }`.', range: source.firstLine() },
    ];
  const complain = (pointer: string, summary: string, help?: string | undefined, severity?: 'warning'): void => {
    findings.push({ summary, help, severity, range: locate(pointer, 'key') });
  };
  for (const [section, content] of Object.entries(value)) {
    const pointer = `/${pointerToken(section)}`;
    if (!SECTIONS.includes(section)) {
      const near = didYouMean(section, SECTIONS);
      complain(
        pointer,
        `${quoted(section)} is not a section of \`pkg-map\``,
        near === undefined ? `There are ${listOf(SECTIONS)}.` : `Did you mean ${quoted(near)}?`,
      );
    } else checkSection(section, content, pointer, complain);
  }
  return findings;
}

function checkSection(
  section: string,
  content: Json | undefined,
  pointer: string,
  complain: (pointer: string, summary: string, help?: string, severity?: 'warning') => void,
): void {
  if (!isMapping(content)) {
    complain(pointer, `${quoted(section)} is not a mapping`, 'Write names and packages into it.');
    return;
  }
  if (section === 'default') {
    checkNames(content, pointer, complain);
    return;
  }
  const known = section === 'family' ? distroFamilies() : knownDistroNames();
  for (const [key, inner] of Object.entries(content)) {
    const at = `${pointer}/${pointerToken(key)}`;
    if (!known.includes(key)) {
      const near = didYouMean(key, known);
      complain(
        at,
        `${quoted(key)} is no ${section === 'family' ? 'family' : 'distribution'} that dib knows`,
        near === undefined ? undefined : `Did you mean ${quoted(near)}?`,
        'warning',
      );
    }
    if (!isMapping(inner)) complain(at, `${quoted(key)} is not a mapping`);
    else if (section !== 'release') checkNames(inner, at, complain);
    else {
      for (const [release, names] of Object.entries(inner)) {
        const place = `${at}/${pointerToken(release)}`;
        if (isMapping(names)) checkNames(names, place, complain);
        else complain(place, `${quoted(release)} is not a mapping`);
      }
    }
  }
}

function checkNames(
  names: JsonObject,
  pointer: string,
  complain: (pointer: string, summary: string, help?: string) => void,
): void {
  for (const [name, packages] of Object.entries(names)) {
    if (typeof packages !== 'string')
      complain(
        `${pointer}/${pointerToken(name)}`,
        `What ${quoted(name)} stands for is no text`,
        'Write names of packages with blanks between them, or "" for none.',
      );
  }
}

function isMapping(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** V8 says where in its message: "... at position 17 ...". */
function jsonErrorPlace(source: SourceText, error: unknown) {
  const at = /position (\d+)/u.exec(String(error))?.[1];
  const offset = at === undefined ? source.text.trimEnd().length : Number(at);
  return source.range(offset, Math.min(offset + 1, source.text.length));
}
