import { fileRule, isShell, linesOf } from '../rule.ts';

const OUTSIDE = /^(root|extra-data|block-device|finalise|cleanup)\.d\//u;
const SAFE = /dib-lint: safe_sudo|^\s*#|install-packages|TARGET_ROOT|IMAGE_BLOCK_DEVICE|TMP_MOUNT_PATH|TMP_IMAGE_PATH/u;

/** What runs as root on the builder works on the image. */
export const safeSudo = fileRule({
  name: 'safe_sudo',
  about:
    '`sudo` in phases that diskimage-builder runs on the builder names `TARGET_ROOT`, `TMP_MOUNT_PATH`, `TMP_IMAGE_PATH` or `IMAGE_BLOCK_DEVICE`',
  check: (file, source) =>
    isShell(file) && OUTSIDE.test(file.path)
      ? linesOf(source).flatMap((line) => {
          const at = line.text.search(/\bsudo\s/u);
          if (at < 0 || SAFE.test(line.text)) return [];
          return [
            {
              summary: '`sudo` that may change the builder',
              detail: 'Hooks of this phase run beside the image, and the line does not say that it works on the image.',
              help: 'Write the path with `$TARGET_ROOT`, or end the line with `# dib-lint: safe_sudo`.',
              range: line.range(at),
            },
          ];
        })
      : [],
});
