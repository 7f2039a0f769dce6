import { describe, expect, it } from 'vitest';
import { SourceText } from '../../../src/diagnostics/source-text.ts';
import { parseMetadata } from '../../../src/elements/metadata.ts';

const parse = (text: string) => parseMetadata(new SourceText('/e/element.yaml', text));

/** Code, place, summary and help of each diagnostic. */
function told(text: string) {
  return parse(text).diagnostics.map(({ code, severity, range, summary, help }) =>
    [`${severity} ${code} ${range?.start.line}:${range?.start.column}`, summary, help].filter((part) => part !== undefined),
  );
}

describe('element.yaml', () => {
  it('is read with every key', () => {
    const { value, diagnostics } = parse(`summary: ' A web server '
description: |
  More of it.
distros: [debian, redhat]
network: [install.d]
outputs: [.vmlinuz, -boot.iso]
caches: [pip]
variables:
  DIB_WEB_MODE: { type: integer, default: 0644, description: Mode of the pages. }
  DIB_WEB_FLAVOUR: { type: string, default: small, enum: [small, large], description: Which one. }
  DIB_WEB_ON: { type: boolean, default: yes, description: Whether it starts. }
  DIB_WEB_KEY: { type: string, required: true, secret: true, description: The key. }
  DIB_WEB_OLD: { type: path, default: '/srv/\${ARCH}', deprecated: Use DIB_WEB_NEW., description: Old. }
  DIB_WEB_SITE_*: { type: url, description: A site each. }
`);
    expect(diagnostics).toEqual([]);
    const { locate, ...rest } = value ?? expect.fail();
    expect(rest).toEqual({
      file: '/e/element.yaml',
      summary: 'A web server',
      description: 'More of it.',
      distros: ['debian', 'redhat'],
      network: ['install.d'],
      outputs: ['.vmlinuz', '-boot.iso'],
      caches: ['pip'],
      variables: [
        {
          name: 'DIB_WEB_FLAVOUR',
          type: 'string',
          default: 'small',
          enum: ['small', 'large'],
          description: 'Which one.',
          required: false,
          secret: false,
        },
        { name: 'DIB_WEB_KEY', type: 'string', description: 'The key.', required: true, secret: true },
        {
          name: 'DIB_WEB_MODE',
          type: 'integer',
          default: '0644',
          description: 'Mode of the pages.',
          required: false,
          secret: false,
        },
        {
          name: 'DIB_WEB_OLD',
          type: 'path',
          default: '/srv/${ARCH}',
          description: 'Old.',
          required: false,
          secret: false,
          deprecated: 'Use DIB_WEB_NEW.',
        },
        {
          name: 'DIB_WEB_ON',
          type: 'boolean',
          default: 'yes',
          description: 'Whether it starts.',
          required: false,
          secret: false,
        },
        { name: 'DIB_WEB_SITE_*', type: 'url', description: 'A site each.', required: false, secret: false },
      ],
    });
    expect(locate('/variables/DIB_WEB_ON', 'key')?.start).toMatchObject({ line: 11, column: 3 });
  });

  it.each([
    ['', [['error DIB_ELEMENT_YAML_EMPTY 1:1', 'The file has no content', 'Begin with `summary: What the element does`.']]],
    ['summary: [', [['error DIB_YAML_SYNTAX 1:10']]],
    [
      'sumary: x\n',
      [['error DIB_ELEMENT_YAML_UNKNOWN_KEY 1:1', '`sumary` is not a key of the element', 'Did you mean `summary`?']],
    ],
    [
      'summary: x\nnetwork: [instal.d]\n',
      [
        [
          'error DIB_ELEMENT_YAML_UNKNOWN_VALUE 2:11',
          '`network[0]` cannot be `instal.d`',
          expect.stringContaining('Did you mean `install.d`?'),
        ],
      ],
    ],
    [
      'summary: x\nvariables:\n  DIB-X: { type: string, description: y }\n',
      [
        [
          'error DIB_ELEMENT_YAML_BAD_KEY 3:3',
          '`DIB-X` is not a valid key of `variables`',
          expect.stringContaining('letters, digits and `_`'),
        ],
      ],
    ],
    [
      'summary: x\nvariables:\n  X: { type: strng }\n',
      [
        ['error DIB_ELEMENT_YAML_MISSING_KEY 3:3', '`variables.X` lacks the key `description`', 'Add `description`.'],
        [
          'error DIB_ELEMENT_YAML_UNKNOWN_VALUE 3:14',
          '`variables.X.type` cannot be `strng`',
          expect.stringContaining('`string`'),
        ],
      ],
    ],
    [
      'summary: x\nvariables:\n  X: { type: integer, default: many, description: y }\n',
      [
        [
          'error DIB_ELEMENT_YAML_BAD_DEFAULT 3:32',
          'The default of `X` is `many`, but it must be a whole number',
          'Mend the default, or what the variable may be.',
        ],
      ],
    ],
    [
      'summary: x\nvariables:\n  X: { type: list, default: "small, lage", enum: [small, large], description: y }\n',
      [
        [
          'error DIB_ELEMENT_YAML_BAD_DEFAULT 3:29',
          'The default of `X` is `small, lage`, but it must be one of `small` or `large`',
          'Did you mean `large`?',
        ],
      ],
    ],
    [
      'summary: x\nvariables:\n  X: { type: size, enum: [4GiB, 4GX], description: y }\n',
      [
        [
          'error DIB_ELEMENT_YAML_BAD_ENUM 3:33',
          '`4GX` cannot be a value of `X`, which must be a size, such as 512MiB',
          'Mend the value, or `type`.',
        ],
      ],
    ],
    [
      'summary: x\nvariables:\n  X: { type: string, default: a, required: true, description: y }\n',
      [['error DIB_ELEMENT_YAML_REQUIRED_DEFAULT 3:44', '`X` is required and has a default', 'Remove one of the two.']],
    ],
    [
      'summary: x\nvariables:\n  X: { type: string, deprecated: a, required: true, description: y }\n',
      [['error DIB_ELEMENT_YAML_REQUIRED_DEPRECATED 3:47', '`X` is required and deprecated', 'Remove one of the two.']],
    ],
    [
      'summary: x\nvariables:\n  X: { type: string, default: a, secret: true, description: y }\n',
      [
        [
          'error DIB_ELEMENT_YAML_SECRET_DEFAULT 3:31',
          '`X` is secret and has a default',
          expect.stringContaining('Remove the default'),
        ],
      ],
    ],
  ])('%j', (text, expected) => {
    const found = told(text);
    expect(found.map((each, index) => each.slice(0, expected[index]?.length))).toEqual(expected);
  });
});
