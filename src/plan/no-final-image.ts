import type { OutputConfig } from '../config/image.ts';
import type { Diagnostic, Locator } from '../diagnostics/diagnostic.ts';
import { quoted } from '../diagnostics/printable.ts';
import type { ElementSet } from '../elements/element.ts';

/** Elements that make all that is wanted by themselves, as a ramdisk, depend on this one: no disk is made (diskimage-builder, `no-final-image`). */
const MARKER = 'no-final-image';

export function makesNoDisk(elements: ElementSet | undefined): boolean {
  return elements?.elements.some(({ name }) => name === MARKER) === true;
}

/** The outputs of an image that makes no disk: archives of its tree stay. Those that image.yaml asks for in vain are told. */
export function outputsWithoutDisk(
  outputs: readonly OutputConfig[],
  locate: Locator,
): { readonly outputs: readonly OutputConfig[]; readonly diagnostics: readonly Diagnostic[] } {
  const isArchive = ({ format }: OutputConfig) => format === 'tar';
  const inVain = outputs.filter((output) => !isArchive(output));
  const declared = locate('/outputs') !== undefined;
  return { outputs: outputs.filter(isArchive), diagnostics: declared ? inVain.map((output) => leftOut(output, locate)) : [] };
}

function leftOut({ format, pointer }: OutputConfig, locate: Locator): Diagnostic {
  const range = locate(pointer);
  return {
    code: 'DIB_OUTPUT_NO_FINAL_IMAGE',
    severity: 'warning',
    summary: `No ${format} is made: the element ${quoted(MARKER)} says that this image has no disk`,
    detail: 'Its elements make what is wanted by themselves.',
    help: 'Leave out this output, or the element.',
    pointer,
    ...(range && { range }),
  };
}
