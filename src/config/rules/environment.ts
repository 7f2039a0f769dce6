import { pointerToken } from '../../diagnostics/pointer.ts';
import { quoted } from '../../diagnostics/printable.ts';
import type { Json } from '../../util/json.ts';
import { mappingAt, type Problem, type Rule, type RuleContext, textAt, valueAt } from './rule.ts';

/** Variables that dib sets from elsewhere in image.yaml, and from where. */
const DECLARED: Readonly<Record<string, string>> = {
  IMAGE_NAME: 'name',
  ELEMENTS_PATH: 'elements_path',
  IMAGE_ELEMENT: 'elements',
};

/** Variables that say where a build happens; a hook that saw another value would work on the wrong files. */
const INTERNAL = new Set([
  'TARGET_ROOT',
  'TMP_MOUNT_PATH',
  'TMP_HOOKS_PATH',
  'TMP_BUILD_DIR',
  'TMP_IMAGE_DIR',
  'IMAGE_ELEMENT_YAML',
  'IMAGE_BLOCK_DEVICE',
  'IMAGE_BLOCK_DEVICES',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
  'BASH_ENV',
]);

/** Variables that `distro` sets; to say the same again does no harm. */
const FROM_DISTRO: readonly (readonly [string, string])[] = [
  ['DISTRO_NAME', 'name'],
  ['DIB_RELEASE', 'release'],
  ['ARCH', 'arch'],
];

/** The environment holds nothing that dib sets itself. */
export const environment: Rule = (context) => {
  const { root } = context;
  const problems: Problem[] = [];
  for (const name of Object.keys(mappingAt(root, '/environment'))) {
    const pointer = `/environment/${pointerToken(name)}`;
    const key = Object.hasOwn(DECLARED, name) ? DECLARED[name] : undefined;
    if (key !== undefined) {
      problems.push({
        code: 'DIB_CONFIG_RESERVED_VARIABLE',
        summary: `${quoted(name)} is set by dib, from ${quoted(key)}`,
        detail: 'Two places that say the same would sooner or later disagree.',
        help: `Remove it, and write ${quoted(key)} in image.yaml.`,
        pointer,
        at: 'key',
      });
    } else if (INTERNAL.has(name)) {
      problems.push({
        code: 'DIB_CONFIG_RESERVED_VARIABLE',
        summary: `${quoted(name)} is set by dib for each hook`,
        detail: 'Hooks would work on the wrong files.',
        help: 'Remove it.',
        pointer,
        at: 'key',
      });
    }
  }
  return [...problems, ...distroConflicts(context), ...layoutConflict(root)];
};

function distroConflicts({ root, sourceText, hostArch }: RuleContext): readonly Problem[] {
  return FROM_DISTRO.flatMap(([variable, key]): Problem[] => {
    const distro = valueAt(root, '/distro');
    const declared = textAt(root, `/distro/${key}`) ?? (key === 'arch' && distro !== undefined ? hostArch : undefined);
    const pointer = `/environment/${variable}`;
    const value = textAt(root, pointer) ?? sourceText(pointer);
    if (declared === undefined || value === undefined || value === declared) return [];
    return [
      {
        code: 'DIB_CONFIG_RESERVED_VARIABLE',
        summary: `${quoted(variable)} is ${quoted(value)}, but \`distro.${key}\` is ${quoted(declared)}`,
        help: `Remove the variable, and write what is meant in \`distro.${key}\`.`,
        pointer,
      },
    ];
  });
}

/** diskimage-builder's variable is understood, but not beside the key that has taken its place. */
function layoutConflict(root: Json): readonly Problem[] {
  const pointer = '/environment/DIB_BLOCK_DEVICE_CONFIG';
  if (valueAt(root, pointer) === undefined || valueAt(root, '/block_device') === undefined) return [];
  return [
    {
      code: 'DIB_CONFIG_RESERVED_VARIABLE',
      summary: '`DIB_BLOCK_DEVICE_CONFIG` and `block_device` both describe the disks',
      help: 'Remove one; `block_device` is the better place.',
      pointer,
      at: 'key',
    },
  ];
}
