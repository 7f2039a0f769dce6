import { parseBlockDevices } from '../../../blockdev/parse.ts';
import { parseYaml } from '../../../config/yaml/parse.ts';
import { fileRule } from '../rule.ts';

/** The layouts that an element brings are right. */
export const blockDevice = fileRule({
  name: 'block-device',
  about: '`block-device-*.yaml` describe disks that can be made',
  check: (file, source) => {
    if (!/^block-device-[^/]*\.yaml$/u.test(file.path)) return [];
    const { value, locate, sourceText } = parseYaml(source);
    if (value === undefined) return [];
    if (!Array.isArray(value))
      return [
        {
          summary: 'A layout is a list of block devices',
          help: 'Write `- local_loop: { name: image0 }`.',
          range: source.firstLine(),
        },
      ];
    const { diagnostics } = parseBlockDevices(value, { imageName: 'image', locate, sourceText });
    return diagnostics;
  },
});
