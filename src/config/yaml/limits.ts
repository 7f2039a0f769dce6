/** What a configuration file may amount to. Real ones stay far below; what is above is a mistake or an attack. */
export const YAML_LIMITS = {
  /** Bytes of the file. */
  bytes: 1024 * 1024,
  /** Mappings and lists inside each other. */
  depth: 64,
  /** UTF-16 units of one key or value. */
  scalar: 64 * 1024,
  /** Uses of anchors. */
  aliases: 100,
  /** Values that come out of all uses of anchors together. */
  aliasedValues: 10_000,
} as const;
