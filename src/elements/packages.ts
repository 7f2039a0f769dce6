import type { ElementSet, PackageRequest, PhasePackages } from './element.ts';
import { PACKAGE_PHASES, type PackageEntry, type PackagePhase } from './package-installs.ts';
import { mapPackage, type PackageMap } from './package-map.ts';

/** Who asked for a package in one phase, by what is to happen with it. */
interface Wishes {
  readonly install: Set<string>;
  readonly uninstall: Set<string>;
  readonly buildOnly: Set<string>;
}

/**
 * Unites what all elements ask for, phase by phase and by the distribution's own package names. An element that wants a package keeps it:
 * requests to remove it, or to have it only while building, then count for nothing. The order of elements does not matter.
 */
export function reconcilePackages(
  entries: readonly PackageEntry[],
  maps: Readonly<Record<string, PackageMap>>,
  imagePackages: readonly string[],
): ElementSet['packages'] {
  const phases: Record<PackagePhase, Map<string, Wishes>> = {
    'pre-install.d': new Map(),
    'install.d': new Map(),
    'post-install.d': new Map(),
  };
  for (const entry of entries) {
    for (const name of mapPackage(maps[entry.element], entry.name)) {
      const wishes = wishesFor(phases[entry.phase], name);
      if (entry.action === 'install') wishes.install.add(entry.element);
      else if (entry.action === 'uninstall') wishes.uninstall.add(entry.element);
      else wishes.buildOnly.add(entry.element);
    }
  }
  for (const name of imagePackages) wishesFor(phases['install.d'], name).install.add('image.yaml');
  const [preInstall, install, postInstall] = PACKAGE_PHASES.map((phase) => decide(phases[phase]));
  const none: PhasePackages = { install: [], uninstall: [] };
  return { 'pre-install.d': preInstall ?? none, 'install.d': install ?? none, 'post-install.d': postInstall ?? none };
}

/** Adds packages that no element asked for; nobody removes them then. */
export function addPackages(packages: ElementSet['packages'], requests: readonly PackageRequest[]): ElementSet['packages'] {
  const names = new Set(requests.map(({ name }) => name));
  const { install, uninstall } = packages['install.d'];
  const both = [...new Set([...install.map(({ name }) => name), ...names])].sort();
  const merged = both.map((name) =>
    request(
      name,
      new Set([...install, ...requests].filter((each) => each.name === name).flatMap(({ requestedBy }) => requestedBy)),
    ),
  );
  return { ...packages, 'install.d': { install: merged, uninstall: uninstall.filter(({ name }) => !names.has(name)) } };
}

function wishesFor(phase: Map<string, Wishes>, name: string): Wishes {
  const known = phase.get(name);
  if (known !== undefined) return known;
  const wishes: Wishes = { install: new Set(), uninstall: new Set(), buildOnly: new Set() };
  phase.set(name, wishes);
  return wishes;
}

function decide(phase: ReadonlyMap<string, Wishes>): PhasePackages {
  const install: PackageRequest[] = [];
  const uninstall: PackageRequest[] = [];
  for (const name of [...phase.keys()].sort()) {
    const wishes = phase.get(name);
    if (wishes === undefined) continue;
    if (wishes.install.size > 0) install.push(request(name, wishes.install));
    else {
      if (wishes.buildOnly.size > 0) install.push(request(name, wishes.buildOnly));
      uninstall.push(request(name, new Set([...wishes.uninstall, ...wishes.buildOnly])));
    }
  }
  return { install, uninstall };
}

function request(name: string, by: ReadonlySet<string>): PackageRequest {
  return { name, requestedBy: [...by].sort() };
}
