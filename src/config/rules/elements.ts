import path from 'node:path';
import { quoted } from '../../diagnostics/printable.ts';
import { pathFault } from './paths.ts';
import { type Problem, type Rule, type TextItem, textsAt } from './rule.ts';

/** diskimage-builder sets no rule; these are the names that its own and all known elements have. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/u;

/** Elements are names, or paths that start with `./` and stay below the directory of image.yaml; each once. */
export const elements: Rule = ({ root }) => {
  const problems: Problem[] = [];
  const seen = new Map<string, number>();
  textsAt(root, '/elements').forEach((item) => {
    const problem = elementProblem(item);
    if (problem !== undefined) {
      problems.push(problem);
      return;
    }
    const name = item.text.includes('/') ? path.posix.normalize(item.text) : item.text;
    const before = seen.get(name);
    if (before === undefined) seen.set(name, 1);
    else {
      problems.push({
        code: 'DIB_CONFIG_DUPLICATE',
        severity: 'warning',
        summary: `The element ${quoted(item.text)} is there twice`,
        help: 'Remove one.',
        pointer: item.pointer,
      });
    }
  });
  return problems;
};

function elementProblem({ text, pointer }: TextItem): Problem | undefined {
  if (NAME.test(text)) return undefined;
  if (/^[A-Za-z0-9._+-]+(?:[\s,]+[A-Za-z0-9._+-]+)+$/u.test(text)) {
    return {
      code: 'DIB_CONFIG_BAD_ELEMENT',
      summary: `${quoted(text)} is several elements in one text`,
      help: `Write them as items of the list: [${text.split(/[\s,]+/u).join(', ')}].`,
      pointer,
    };
  }
  const fault = pathFault(text);
  if (fault === 'escapes') {
    return {
      code: 'DIB_CONFIG_PATH_ESCAPES',
      summary: `The element ${quoted(text)} lies outside of the directory of image.yaml`,
      detail: 'An image that is made of its own directory can be moved and reviewed as one.',
      help: `Add ${quoted(path.posix.dirname(text))} to \`elements_path\`, and name the element ${quoted(path.posix.basename(text))} here.`,
      pointer,
    };
  }
  if (fault === undefined && path.posix.isAbsolute(text)) {
    return {
      code: 'DIB_CONFIG_PATH_ABSOLUTE',
      summary: `The element ${quoted(text)} is an absolute path`,
      help: `Add ${quoted(path.posix.dirname(text))} to \`elements_path\`, and name the element ${quoted(path.posix.basename(text))} here.`,
      pointer,
    };
  }
  const local = text.startsWith('./') && path.posix.normalize(text) !== './';
  if (fault === undefined && local && NAME.test(path.posix.basename(text))) return undefined;
  return {
    code: 'DIB_CONFIG_BAD_ELEMENT',
    summary: `${quoted(text)} is not the name of an element`,
    help:
      text.includes('/') && fault === undefined && !local
        ? `Write ${quoted(`./${text}`)} if it is a path.`
        : 'A name has letters, digits, `.`, `_`, `+` and `-`; a path starts with `./`.',
    pointer,
  };
}
