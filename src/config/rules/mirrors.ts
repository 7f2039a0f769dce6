import { quoted } from '../../diagnostics/printable.ts';
import { type Problem, type Rule, textAt } from './rule.ts';

const SCHEMES = ['http:', 'https:', 'file:', 'copy:'];

/** Mirrors are URLs that apt understands, and hold no passwords, because plans and states show them. */
export const mirrors: Rule = ({ root }) =>
  ['/distro/mirror', '/distro/security_mirror'].flatMap((pointer): Problem[] => {
    const text = textAt(root, pointer);
    if (text === undefined) return [];
    const url = !/\s/u.test(text) && URL.canParse(text) ? new URL(text) : undefined;
    if (
      url === undefined ||
      !SCHEMES.includes(url.protocol) ||
      (url.protocol.startsWith('http') && !/^https?:\/\//iu.test(text))
    ) {
      return [
        {
          code: 'DIB_DISTRO_BAD_MIRROR',
          summary: `${quoted(text)} is not the URL of a package archive`,
          help: 'Write http://, https://, file:/ or copy:/ and the directory that has `dists` in it.',
          pointer,
        },
      ];
    }
    if (url.password === '') return [];
    return [
      {
        code: 'DIB_DISTRO_SECRET_IN_MIRROR',
        summary: 'The URL of the mirror holds a password',
        detail: 'Plans, states and the image itself would show it.',
        help: 'Put it into /etc/apt/auth.conf.d of the building machine.',
        pointer,
      },
    ];
  });
