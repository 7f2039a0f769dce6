// Boots a virtual machine in this process, as a worker does, runs commands in it and prints what came of them as JSON lines.
// usage: node vm-driver.mjs REQUEST.json
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { dist, backend = 'qemu', cache, scratch, files, commands, hold } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const load = (path) => import(pathToFileURL(join(dist, path)).href);
const [{ umlBackend }, { qemuBackend }, { startMachine }] = await Promise.all(
  ['vm/uml.js', 'vm/qemu.js', 'vm/vm-machine.js'].map(load),
);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const backends = { uml: () => umlBackend, qemu: () => qemuBackend({ cache, accelerator: 'tcg' }) };
const machine = await startMachine(backends[backend](), { scratch, memory: 512 });
try {
  const seen = {};
  for (const [name, file] of Object.entries(files)) seen[name] = await machine.see(file);
  for (const argv of commands) {
    const words = argv.map((word) => seen[word] ?? word);
    say((await machine.run({ argv: words }, {})).stdout.trim());
  }
  if (hold) say('holding');
  if (hold) await new Promise((resolve) => setTimeout(resolve, 600_000));
} catch (error) {
  say({ error: error.diagnostics ?? String(error) });
} finally {
  await machine.close();
}
