// What follows from the grammar of block devices (src/blockdev/grammar.ts): the definitions in schemas/image.schema.json, and the generated pieces of
// docs/block-devices.md. Pure: the grammar comes as an argument, because only some callers can import TypeScript.

/** Names of the definitions that are generated, and in which order they stand in the schema, behind all others. */
const FIXED = ['block_device_item', 'block_device_level'];

/**
 * The schema with its block-device definitions made afresh.
 * @param schema parsed image.schema.json
 * @param grammar the module src/blockdev/grammar.ts
 */
export function withBlockDevices(schema, grammar) {
  const kinds = grammar.NODE_KINDS;
  const others = Object.entries(schema.definitions).filter(([name]) => !FIXED.includes(name) && !kinds.includes(name));
  return { ...schema, definitions: { ...Object.fromEntries(others), ...definitions(grammar) } };
}

function definitions({ GRAMMAR, NODE_KINDS, PLUGINS, childrenOf }) {
  const reference = (kind) => [kind, { $ref: `#/definitions/${kind}` }];
  return {
    block_device_item: {
      title: 'BlockDeviceItem',
      description: "One device: a mapping with one key, the plugin's name.",
      type: 'object',
      minProperties: 1,
      maxProperties: 1,
      additionalProperties: false,
      properties: Object.fromEntries(PLUGINS.map(reference)),
    },
    block_device_level: {
      title: 'BlockDeviceLevel',
      description: 'Older notation: a list of [plugin, values] pairs that belong to one level.',
      type: 'array',
      items: {
        description: "A pair: the plugin's name and its values.",
        type: 'array',
        minItems: 2,
        maxItems: 2,
        items: [
          { description: 'Name of the plugin.', type: 'string', enum: [...PLUGINS] },
          { description: 'Values of the device.', type: 'object' },
        ],
      },
    },
    ...Object.fromEntries(NODE_KINDS.map((kind) => [kind, definition(kind, GRAMMAR[kind], childrenOf(kind).map(reference))])),
  };
}

function definition(kind, { description, keys }, children) {
  const required = Object.keys(keys).filter((key) => keys[key].required);
  return {
    title: kind.replaceAll(/(?:^|_)([a-z])/g, (_all, letter) => letter.toUpperCase()),
    description,
    type: 'object',
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
    properties: {
      ...Object.fromEntries(Object.entries(keys).map(([key, value]) => [key, property(value)])),
      ...Object.fromEntries(children),
    },
  };
}

/** Beside a $ref, draft-07 takes no notice of a description. */
function property({ form, meaning, default: fallback }) {
  const { $ref, ...schema } = form.schema;
  const description = fallback === undefined ? meaning : `${meaning} Default: ${fallback}.`;
  return { description, ...($ref === undefined ? schema : { allOf: [{ $ref }] }) };
}

/** JSON as biome formats it: lists of plain values on one line where they fit. */
export function formatJson(value, indent = '', column = 0) {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const line = oneLine(value);
    if (line !== undefined && column + line.length < 130) return line;
    return `[\n${value.map((each) => inner + formatJson(each, inner, inner.length)).join(',\n')}\n${indent}]`;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  const members = entries.map(([key, each]) => {
    const head = `${inner}${JSON.stringify(key)}: `;
    return head + formatJson(each, inner, head.length);
  });
  return `{\n${members.join(',\n')}\n${indent}}`;
}

/** A list of plain values and lists of them; undefined when there is a mapping in it. */
function oneLine(value) {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (!Array.isArray(value)) return undefined;
  const parts = value.map(oneLine);
  return parts.includes(undefined) ? undefined : `[${parts.join(', ')}]`;
}

/**
 * The page with its generated pieces made afresh: what stands between `<!-- NAME -->` and `<!-- /NAME -->`, for NAME `parents` and `keys of KIND`.
 * Throws when a piece has no place.
 */
export function withGrammar(page, grammar) {
  const pieces = { parents: parentsTable(grammar) };
  for (const kind of grammar.NODE_KINDS) pieces[`keys of ${kind}`] = keysTable(kind, grammar);
  let text = page;
  for (const [name, piece] of Object.entries(pieces)) {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const from = text.indexOf(begin);
    const to = text.indexOf(end);
    if (from === -1 || to < from) throw new Error(`docs/block-devices.md has no place for "${name}": write ${begin} and ${end}`);
    text = `${text.slice(0, from + begin.length)}\n${piece}\n${text.slice(to)}`;
  }
  return text;
}

function parentsTable({ GRAMMAR, NODE_KINDS, childrenOf }) {
  const rows = NODE_KINDS.map((kind) => {
    const { written, parents, joins } = GRAMMAR[kind];
    const where =
      written === 'top'
        ? 'an entry of its own'
        : written === 'plugin'
          ? 'an entry of its own, or nested'
          : `the list \`${written.list}\` of \`${written.in}\``;
    const lists = NODE_KINDS.filter((other) => GRAMMAR[other].written.in === kind).map((other) => GRAMMAR[other].written.list);
    const holds = [...new Set([...lists, ...childrenOf(kind)])];
    return [`\`${kind}\``, names(parents, 'nothing') + (joins ? ', any number' : ''), where, names(holds, '')];
  });
  return table(['Node', 'stands on', 'written as', 'nested in it'], rows);
}

function keysTable(kind, { GRAMMAR }) {
  const rows = Object.entries(GRAMMAR[kind].keys).map(([key, { form, meaning, required, default: fallback }]) => [
    `\`${key}\``,
    form.text,
    required ? '**required**' : (fallback ?? ''),
    meaning,
  ]);
  return table(['Key', 'Type', 'Default', 'Meaning'], rows);
}

function names(list, none) {
  return list.length === 0 ? none : list.map((name) => `\`${name}\``).join(', ');
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return ['', line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line), ''].join('\n');
}
