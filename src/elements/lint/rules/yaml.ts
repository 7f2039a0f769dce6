import { parseYaml } from '../../../config/yaml/parse.ts';
import { METADATA_FILE } from '../../metadata.ts';
import { fileRule } from '../rule.ts';

/** Files that are read with errors of their own. */
const JUDGED_ELSEWHERE = new Set([METADATA_FILE, 'package-installs.yaml']);

/** YAML can be read. */
export const yaml = fileRule({
  name: 'yaml',
  about: 'files named `*.yaml` are YAML',
  check: (file, source) =>
    /\.ya?ml$/u.test(file.path) && !JUDGED_ELSEWHERE.has(file.path) && !/\.(j2|tmpl)/u.test(file.path)
      ? parseYaml(source)
          // What comes in several documents, with tags of its own, is the business of the program that reads it.
          .diagnostics.filter(({ code }) => code === 'DIB_YAML_SYNTAX' || code === 'DIB_YAML_DUPLICATE_KEY')
      : [],
});
