import path from 'node:path';
import { type Checked, type Diagnostic, hasErrors } from '../diagnostics/diagnostic.ts';
import { capDiagnostics, sortDiagnostics } from '../diagnostics/order.ts';
import { schemaDiagnostics } from '../diagnostics/schema-errors.ts';
import { SourceText } from '../diagnostics/source-text.ts';
import { validateImage } from '../generated/validate-image.ts';
import { sha256 } from '../util/hash.ts';
import type { Json, JsonObject } from '../util/json.ts';
import type { LoadedImage } from './image.ts';
import { keyHint } from './key-hints.ts';
import { normaliseImage } from './normalise.ts';
import { readSource } from './read.ts';
import { RULES } from './rules/registry.ts';
import type { Problem, RuleContext } from './rules/rule.ts';
import { salvage } from './salvage.ts';
import { parseYaml, type YamlDocument } from './yaml/parse.ts';

/**
 * Reads and checks an image.yaml; `hostArch` is Debian's name of this machine's architecture. Every expected failure, from a missing
 * file on, comes back as diagnostics, sorted by position, at most 100. Elements and block devices are not looked into.
 */
export async function loadImage(file: string, hostArch: string): Promise<LoadResult> {
  const source = await readSource(file);
  return source.value === undefined
    ? { diagnostics: source.diagnostics }
    : parseImage(source.value.text, source.value.file, hostArch);
}

/** An image, or what is wrong with it. */
export interface LoadResult extends Checked<LoadedImage> {
  /** With errors: the image without its mistakes, good for nothing but finding more of them. */
  readonly salvaged?: LoadedImage | undefined;
}

/** Checks the text of an image.yaml: syntax, shape, meaning, each pass collecting all it finds. Pure; never throws. */
export function parseImage(text: string, file: string, hostArch: string): LoadResult {
  const source = new SourceText(path.resolve(file), text);
  const document = parseYaml(source);
  const diagnostics: Diagnostic[] = [...document.diagnostics];
  if (document.value === undefined) {
    if (document.readable && diagnostics.length === 0) diagnostics.push(emptyFile(source));
    return finish(diagnostics);
  }
  // Where the syntax is wrong, a value is missing or cut, and its shape means nothing.
  const broken = new Set(diagnostics.map((diagnostic) => diagnostic.range?.start.offset));
  const shape = shapeDiagnostics(document.value, document).filter((problem) => !broken.has(problem.range?.start.offset));
  const wrong = new Set(shape.map((diagnostic) => diagnostic.pointer));
  const context: RuleContext = {
    root: document.value,
    fileName: path.basename(source.file),
    directory: path.dirname(source.file),
    hostArch,
    locate: document.locate,
    sourceText: document.sourceText,
  };
  // One value, one problem: what is not even of the right shape is not judged for its meaning.
  const meaning = withoutNeedlessWarnings(RULES.flatMap((rule) => rule(context))).filter(
    (problem) => !wrong.has(problem.pointer),
  );
  diagnostics.push(...shape, ...meaning.map((problem) => placed(problem, context)));
  const imageOf = (root: Json): LoadedImage => ({
    file: source.file,
    directory: context.directory,
    sha256: sha256(text),
    text,
    config: normaliseImage(root, { hostArch, sourceText: document.sourceText }),
    locate: document.locate,
    sourceText: document.sourceText,
  });
  if (!hasErrors(diagnostics)) return finish(diagnostics, imageOf(document.value));
  const rest = salvage(
    document.value,
    diagnostics.filter((diagnostic) => diagnostic.severity === 'error'),
  );
  return rest === undefined || !validateImage(withoutDevices(rest))
    ? finish(diagnostics)
    : { ...finish(diagnostics), salvaged: imageOf(rest) };
}

/** The judge of block devices is src/blockdev. */
function withoutDevices(root: Json): Json {
  const { block_device: _, ...rest } = root as JsonObject;
  return rest;
}

/** More errors of the validator than this are cut before they become sentences. */
const MAX_SHAPE_ERRORS = 2000;

function shapeDiagnostics(value: Json, document: YamlDocument): readonly Diagnostic[] {
  if (validateImage(value)) return [];
  // The schema describes block devices for editors; the judge of them is src/blockdev.
  const errors = (validateImage.errors ?? []).filter((error) => !error.instancePath.startsWith('/block_device/'));
  return schemaDiagnostics(errors.slice(0, MAX_SHAPE_ERRORS), {
    area: 'DIB_CONFIG',
    what: 'the image',
    locate: document.locate,
    sourceText: document.sourceText,
    keyHint,
  });
}

/** Nobody needs a warning about a value that is wrong anyway. */
function withoutNeedlessWarnings(problems: readonly Problem[]): readonly Problem[] {
  const wrong = new Set(problems.filter((problem) => problem.severity !== 'warning').map((problem) => problem.pointer));
  return problems.filter((problem) => problem.severity !== 'warning' || !wrong.has(problem.pointer));
}

/** Gives a problem that a rule found its place in the file. */
export function placed(problem: Problem, context: Pick<RuleContext, 'locate'>): Diagnostic {
  const { at, ...rest } = problem;
  return { severity: 'error', ...rest, range: context.locate(problem.pointer, at ?? 'value') };
}

function emptyFile(source: SourceText): Diagnostic {
  return {
    code: 'DIB_CONFIG_EMPTY',
    severity: 'error',
    summary: 'The file has no content',
    help: 'Begin with `apiVersion: dib/v1`, `name: ...` and `distro: { name: debian, release: bookworm }`.',
    range: source.firstLine(),
  };
}

function finish(diagnostics: readonly Diagnostic[], value?: LoadedImage): Checked<LoadedImage> {
  return { value, diagnostics: capDiagnostics(sortDiagnostics(diagnostics)) };
}
