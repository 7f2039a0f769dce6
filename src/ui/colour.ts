import { Chalk, type ChalkInstance, type ColorSupportLevel } from 'chalk';

/** What is painted with: chalk's chainable styles, at a level that dib has chosen. */
export type Colour = ChalkInstance;

/** A stream that text is printed to, as far as colour is concerned. */
export interface ColourStream {
  readonly isTTY?: boolean | undefined;
  /** Bits: 1, 4, 8 or 24. */
  getColorDepth?(environment?: NodeJS.ProcessEnv): number;
}

/**
 * Whether and how to use colour. First that says something: `--color=always|never`; NO_COLOR, when not empty (no-color.org);
 * FORCE_COLOR (0 none, 1 to 3 the level, empty or true 1); then colour on terminals only, 16 colours in CI, none if TERM is dumb.
 * chalk by itself does not heed NO_COLOR, so its detection is not used.
 */
export function colourLevel(
  stream: ColourStream,
  choice: string | undefined,
  environment: Readonly<NodeJS.ProcessEnv> = process.env,
): ColorSupportLevel {
  if (choice === 'never') return 0;
  const terminal = terminalLevel(stream, environment);
  if (choice === 'always') return terminal === 0 ? 1 : terminal;
  if ((environment['NO_COLOR'] ?? '') !== '') return 0;
  const forced = environment['FORCE_COLOR'];
  if (forced !== undefined) return forcedLevel(forced);
  return terminal;
}

/** The colours to print on a stream with. */
export function colourFor(
  stream: ColourStream,
  choice?: string | undefined,
  environment: Readonly<NodeJS.ProcessEnv> = process.env,
): Colour {
  return new Chalk({ level: colourLevel(stream, choice, environment) });
}

function forcedLevel(text: string): ColorSupportLevel {
  if (text === '0' || text === 'false') return 0;
  if (text === '2') return 2;
  return text === '3' ? 3 : 1;
}

function terminalLevel(stream: ColourStream, environment: Readonly<NodeJS.ProcessEnv>): ColorSupportLevel {
  if (stream.isTTY !== true || environment['TERM'] === 'dumb') return 0;
  const ci = environment['CI'];
  if (ci !== undefined && ci !== '' && ci !== 'false' && ci !== '0') return 1;
  // Node's own answer would heed NO_COLOR and FORCE_COLOR a second time.
  const { NO_COLOR: _no, FORCE_COLOR: _force, NODE_DISABLE_COLORS: _node, ...rest } = environment;
  const depth = stream.getColorDepth?.(rest) ?? 4;
  if (depth >= 24) return 3;
  if (depth >= 8) return 2;
  return depth >= 4 ? 1 : 0;
}
