import path from 'node:path';
import { quoted } from '../../diagnostics/printable.ts';
import { writtenOutputs } from './outputs.ts';
import { canonicalPath, type PathFault, pathFault } from './paths.ts';
import type { Problem, Rule, RuleContext } from './rule.ts';

/** Directories of the building machine that no image belongs in. */
const SYSTEM = ['/bin', '/boot', '/dev', '/etc', '/lib', '/lib32', '/lib64', '/proc', '/sbin', '/sys', '/usr'];

/** Endings that say a format. */
const ENDINGS: readonly (readonly [RegExp, string])[] = [
  [/\.qcow2$/iu, 'qcow2'],
  [/\.(?:raw|img)$/iu, 'raw'],
  [/\.(?:tar|tar\.(?:gz|zst)|tgz)$/iu, 'tar'],
];

const FAULTS: Readonly<Record<PathFault, readonly [code: string, summary: string, help: string]>> = {
  control: ['DIB_CONFIG_BAD_PATH', 'has control characters in it', 'Remove them.'],
  tilde: ['DIB_CONFIG_BAD_PATH', 'starts with `~`, which is not expanded', 'Write the whole path.'],
  'too-long': ['DIB_CONFIG_BAD_PATH', 'has a name that is too long for a file', 'Shorten it.'],
  escapes: [
    'DIB_CONFIG_PATH_ESCAPES',
    'leads out of the directory of image.yaml',
    'Write a path below it, or an absolute one if that is meant.',
  ],
};

/** Outputs are written to files that are fit for it. */
export const outputPath: Rule = (context) =>
  writtenOutputs(context.root).flatMap((output): Problem[] => {
    if (output.path === undefined) return [];
    const pointer = `${output.pointer}/path`;
    const fault = pathFault(output.path);
    if (fault !== undefined) {
      const [code, summary, help] = FAULTS[fault];
      return [{ code, summary: `The path ${quoted(output.path)} ${summary}`, help, pointer }];
    }
    return place(output.path, pointer, context) ?? ending(output.path, output.format, pointer);
  });

function place(text: string, pointer: string, { directory, fileName }: RuleContext): Problem[] | undefined {
  const canonical = canonicalPath(directory, text);
  const below = (parent: string): boolean => canonical === parent || canonical.startsWith(`${parent}/`);
  const system = path.posix.isAbsolute(text) ? SYSTEM.find(below) : undefined;
  if (system !== undefined || canonical === '/') {
    return [
      {
        code: 'DIB_CONFIG_PATH_ABSOLUTE',
        summary: `The path ${quoted(text)} lies in ${quoted(system ?? '/')} of this machine`,
        detail: 'An output is a file; dib writes neither devices nor system directories.',
        help: 'Write a path below the directory of image.yaml, such as `out/web.raw`.',
        pointer,
      },
    ];
  }
  if (text.endsWith('/') || /(?:^|\/)\.{1,2}$/u.test(text) || canonical === directory) {
    return [
      {
        code: 'DIB_CONFIG_BAD_PATH',
        summary: `The path ${quoted(text)} is a directory`,
        help: 'Add the name of the file.',
        pointer,
      },
    ];
  }
  if (canonical === path.posix.join(directory, fileName)) {
    return [
      { code: 'DIB_CONFIG_BAD_PATH', summary: 'The output would overwrite image.yaml', help: 'Choose another path.', pointer },
    ];
  }
  if (below(path.posix.join(directory, '.dib'))) {
    return [
      {
        code: 'DIB_CONFIG_BAD_PATH',
        summary: `The path ${quoted(text)} lies in the state directory`,
        help: 'Choose another directory, such as `out`.',
        pointer,
      },
    ];
  }
  return undefined;
}

function ending(text: string, format: string | undefined, pointer: string): Problem[] {
  const said = ENDINGS.find(([pattern]) => pattern.test(text))?.[1];
  if (said === undefined || format === undefined || said === format || !['raw', 'qcow2', 'tar'].includes(format)) return [];
  return [
    {
      code: 'DIB_CONFIG_MISLEADING_PATH',
      severity: 'warning',
      summary: `The path ${quoted(text)} looks like ${said}, but the output is ${quoted(format)}`,
      help: 'Change the ending or the format.',
      pointer,
    },
  ];
}
