#!/usr/bin/env node
// Every Node.js that knows ES modules can read this file (no `?.` and the like), so that an old one gets a plain message, not a syntax error.
const wanted = [20, 19];
const found = process.versions.node.split('.').map(Number);

if (found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < wanted[1])) {
  process.stderr.write(`dib needs Node.js ${wanted.join('.')} or newer; this is ${process.versions.node}.\n`);
  process.exitCode = 69;
} else {
  start();
}

function start() {
  // From Node.js 22 on, compiled code is kept between runs.
  const nodeModule = process.getBuiltinModule ? process.getBuiltinModule('module') : {};
  if (nodeModule.enableCompileCache) nodeModule.enableCompileCache();
  // Stacks then name the lines of src/. Not always: the maps of all that is loaded are read at once.
  if (process.argv.includes('--debug') || process.env.DIB_DEBUG) process.setSourceMapsEnabled(true);
  import('../dist/cli/main.js').then((cli) => cli.main(process.argv), explain);
}

function explain(error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !String(error.message).includes('dist/cli/main.js')) throw error;
  process.stderr.write('dib is not built yet. In its directory run `npm start` (or `npm ci && npm run build`).\n');
  process.exitCode = 69;
}
