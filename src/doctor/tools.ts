import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { searchPath } from '../exec/probe.ts';
import { findTool, type Tool } from '../exec/tools.ts';

/** A tool that is not there. */
export interface MissingTool {
  readonly name: string;
  /** Absent when dib does not know the tool. */
  readonly package?: string | undefined;
  readonly why?: string | undefined;
}

/** Absolute path of a program on PATH or in the system's directories. */
export function findProgram(name: string): string | undefined {
  return searchPath()
    .map((directory) => join(directory, name))
    .find(isExecutableFile);
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Where a tool lies, if it is there. */
export function locateTool(tool: Tool): string | undefined {
  if (tool.file === undefined) return findProgram(tool.name);
  return filesLike(tool.file).find((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}

/** The file itself, or all those whose names begin like that. */
function filesLike(path: string): readonly string[] {
  if (!path.endsWith('*')) return [path];
  const [directory, start] = [dirname(path), basename(path).slice(0, -1)];
  const names = existsSync(directory) ? readdirSync(directory) : [];
  return names.filter((name) => name.startsWith(start)).map((name) => join(directory, name));
}

/** Those of the named tools that this host lacks, with what to install; names that the table lacks are looked up on PATH. */
export function missingTools(names: readonly string[]): readonly MissingTool[] {
  return names.flatMap((name): MissingTool[] => {
    const tool = findTool(name);
    if (tool === undefined) return findProgram(name) === undefined ? [{ name }] : [];
    return (tool.name === name ? locateTool(tool) : findProgram(name)) === undefined
      ? [{ name, package: tool.package, why: tool.why }]
      : [];
  });
}

/** Why what needs all of these programs cannot be started here; undefined where they are there. */
export function missingProgram(
  names: readonly string[],
): { readonly ok: false; readonly reason: string; readonly help: string } | undefined {
  const [missing] = missingTools(names);
  if (missing === undefined) return undefined;
  const help = `Install it: \`apt-get install ${missing.package ?? missing.name}\`.`;
  return { ok: false, reason: `the program \`${missing.name}\` is not installed`, help };
}

/** Whether the default build of this user needs the tool. */
export function neededForBuild(tool: Tool, root: boolean): boolean {
  return tool.kind === 'build' && !(root && tool.unprivilegedOnly === true);
}
