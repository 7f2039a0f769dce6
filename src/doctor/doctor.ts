import { probeCommand } from '../exec/probe.ts';
import { type Tool, toolTable } from '../exec/tools.ts';
import { type Feature, probeFeatures } from './features.ts';
import { locateTool, neededForBuild } from './tools.ts';

/** A tool of the table, looked up on this host. */
export interface ToolReport {
  readonly tool: Tool;
  readonly needed: boolean;
  /** Absent when it is missing. */
  readonly path?: string | undefined;
  /** Absent when it is missing or does not tell. */
  readonly version?: string | undefined;
}

/** What this host offers. */
export interface DoctorReport {
  readonly root: boolean;
  readonly tools: readonly ToolReport[];
  readonly features: readonly Feature[];
  /** Whether everything that the default build needs is there. */
  readonly ok: boolean;
}

/** Looks at every tool and tries every kernel feature. Needs no root, but tries more with it. */
export async function examineHost(): Promise<DoctorReport> {
  const root = process.getuid?.() === 0;
  const [tools, features] = await Promise.all([
    Promise.all(toolTable().map((tool) => examineTool(tool, root))),
    probeFeatures(root),
  ]);
  const ok =
    tools.every((report) => !report.needed || report.path !== undefined) &&
    features.every((feature) => !feature.needed || feature.state === 'found');
  return { root, tools, features, ok };
}

async function examineTool(tool: Tool, root: boolean): Promise<ToolReport> {
  const path = locateTool(tool);
  const needed = neededForBuild(tool, root);
  if (path === undefined || tool.version === undefined) return { tool, needed, path };
  const result = await probeCommand([path, ...tool.version]);
  return { tool, needed, path, version: versionIn(`${result.stdout}\n${result.stderr}`) };
}

/** The first thing in a program's output that looks like a version, such as `2.38.1` or `1.47.0`. */
export function versionIn(text: string): string | undefined {
  return /(?<![\w.])v?(\d+(?:\.\d+)+[\w.+~-]*)/.exec(text)?.[1];
}

/** Debian packages that bring the missing tools, sorted; of the optional ones too where asked for. */
export function missingPackages(report: DoctorReport, kinds: readonly Tool['kind'][]): readonly string[] {
  const missing = report.tools.filter(({ tool, path }) => path === undefined && kinds.includes(tool.kind));
  return [...new Set(missing.map(({ tool }) => tool.package))].sort();
}
