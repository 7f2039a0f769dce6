/**
 * Which folder of src/ may import which: only those above it in this list, and those in its own row.
 * A kind knows nothing of the engine that runs it, a parser nothing of the command line that calls it.
 */
const ROWS = [
  ['util'],
  ['diagnostics', 'generated'],
  ['exec'],
  ['config', 'elements', 'blockdev', 'distros', 'doctor', 'host', 'vm'],
  ['graph', 'import'],
  ['rootfs'],
  ['kinds'],
  ['plan', 'state'],
  ['workers', 'engine'],
  ['report', 'ui', 'boot'],
  ['cli'],
];

const folders = (names) => `^src/(${names.join('|')})/`;

const layering = ROWS.slice(0, -1).map((row, index) => ({
  name: `layers: ${row.join(', ')}`,
  comment: `${row.join(', ')} may not import what stands below in the list of .dependency-cruiser.cjs.`,
  severity: 'error',
  from: { path: folders(row) },
  to: { path: folders(ROWS.slice(index + 1).flat()) },
}));

/** A library that one folder wraps for all others. */
const wrapped = (library, folder) => ({
  name: `only-${folder}-uses-${library}`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/${folder}/` },
  to: { path: `(^|/)node_modules/${library}/|^(node:)?${library}$` },
});

module.exports = {
  forbidden: [
    ...layering,
    wrapped('execa', 'exec'),
    wrapped('child_process', 'exec'),
    wrapped('commander', 'cli'),
    wrapped('chalk', 'ui'),
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'no-unknown-folder', severity: 'error', from: {}, to: { path: '^src/', pathNot: folders(ROWS.flat()) } },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'not-to-dev-dependency', severity: 'error', from: { path: '^src/' }, to: { dependencyTypes: ['npm-dev'] } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
