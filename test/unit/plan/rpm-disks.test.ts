import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadImage } from '../../../src/config/load.ts';
import { DISTROS } from '../../../src/distros/registry.ts';
import { prepareImage } from '../../../src/plan/prepare.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dib-rpm-disks-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function refusals(distro: string): Promise<string[]> {
  const file = join(directory, 'image.yaml');
  writeFileSync(file, `apiVersion: dib/v1\nname: x\ndistro: ${distro}\nelements: [vm]\n`);
  const loaded = await loadImage(file, 'amd64');
  if (loaded.value === undefined) throw new Error(JSON.stringify(loaded.diagnostics));
  const { diagnostics } = await prepareImage(loaded.value, {});
  return diagnostics.flatMap(({ severity, code, summary }) => (severity === 'error' ? [`${code}: ${summary}`] : []));
}

const rpm = DISTROS.filter(({ family }) => family !== 'debian');

// Its scripts call Debian's GRUB by Debian's names: what it would leave on such a disk starts nothing.
test.each(rpm.map(({ name, defaultRelease }) => [name, defaultRelease]))(
  'the boot loader is refused on %s',
  async (name, release) => {
    const refused = `DIB_ELEMENT_UNSUPPORTED_DISTRO: The element \`bootloader\` does not work on \`${name}\``;
    expect(await refusals(`{name: ${name}, release: '${release}'}`)).toEqual([refused]);
    expect(await refusals(`{name: oci, ref: 'docker://registry.example.org/x:1', like: ${name}, release: '${release}'}`)).toEqual(
      [refused],
    );
  },
);
