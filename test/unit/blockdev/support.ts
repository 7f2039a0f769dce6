import type { BlockDevices } from '../../../src/blockdev/devices.ts';
import { type BlockDeviceContext, parseBlockDevices } from '../../../src/blockdev/parse.ts';
import { parseYaml } from '../../../src/config/yaml/parse.ts';
import type { Checked, Locator } from '../../../src/diagnostics/diagnostic.ts';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import type { Json } from '../../../src/util/json.ts';

/** Reads block devices from YAML as image.yaml has them: with positions and the text of scalars. */
export function parseText(text: string, context: Partial<BlockDeviceContext> = {}): Checked<BlockDevices> {
  const document = parseYaml(new SourceText('tree.yaml', text));
  if (!Array.isArray(document.value)) throw new Error(`not a list: ${JSON.stringify(document.diagnostics)}`);
  return parseBlockDevices(document.value as readonly Json[], {
    imageName: 'test',
    locate: document.locate,
    sourceText: document.sourceText,
    ...context,
  });
}

/** The devices of a correct tree. */
export function devicesOf(text: string, context: Partial<BlockDeviceContext> = {}): BlockDevices {
  const { value, diagnostics } = parseText(text, context);
  if (!value) throw new Error(diagnostics.map(({ code, summary }) => `${code} ${summary}`).join('\n'));
  return value;
}

/** The same with what finds their declarations. */
export function locatedDevices(text: string): { readonly devices: BlockDevices; readonly locate: Locator } {
  return { devices: devicesOf(text), locate: parseYaml(new SourceText('tree.yaml', text)).locate };
}

/** `line code` of each diagnostic. */
export function findings(checked: Checked<unknown>): string[] {
  return checked.diagnostics.map(({ code, range }) => `${range?.start.line ?? '?'} ${code}`);
}

export const EFI_TREE = `
- local_loop:
    name: image0
    size: 4GiB
- partitioning:
    base: image0
    label: gpt
    partitions:
      - name: ESP
        type: 'EF00'
        size: 550MiB
        mkfs:
          type: vfat
          mount:
            mount_point: /boot/efi
            fstab:
              options: "defaults"
              fsck-passno: 2
      - name: BSP
        type: 'EF02'
        size: 8MiB
      - name: root
        type: '8300'
        size: 100%
        mkfs:
          type: ext4
          mount:
            mount_point: /
            fstab:
              options: "defaults"
              fsck-passno: 1
`.trimStart();
