import { quoted } from '../../diagnostics/printable.ts';
import { canonicalPath, pathFault } from './paths.ts';
import { type Problem, type Rule, textsAt } from './rule.ts';

/** elements_path is a list of directories. They may lie anywhere: it is there to name element collections of others. */
export const elementsPath: Rule = ({ root, directory }) => {
  const seen = new Set<string>();
  return textsAt(root, '/elements_path').flatMap(({ text, pointer }): Problem[] => {
    const fault = pathFault(text);
    if (fault === 'control' || fault === 'tilde' || fault === 'too-long') {
      return [
        {
          code: 'DIB_CONFIG_BAD_PATH',
          summary: `${quoted(text)} is not a directory that dib can look into`,
          help: fault === 'tilde' ? '`~` is not expanded: write the whole path.' : 'Write the path of a directory.',
          pointer,
        },
      ];
    }
    if (text.includes(':')) {
      return [
        {
          code: 'DIB_CONFIG_BAD_PATH',
          summary: `${quoted(text)} has a colon in it`,
          detail: 'ELEMENTS_PATH, which hooks see, separates directories by colons.',
          help: 'Write each directory as an item of its own.',
          pointer,
        },
      ];
    }
    const canonical = canonicalPath(directory, text);
    if (!seen.has(canonical)) {
      seen.add(canonical);
      return [];
    }
    return [
      { code: 'DIB_CONFIG_DUPLICATE', severity: 'warning', summary: `The directory ${quoted(text)} is there twice`, pointer },
    ];
  });
};
