/** Version of the protocol between the worker and libexec/vm-agent, which describes it. */
export const PROTOCOL_VERSION = 1;

/** A command to run in a virtual machine. */
export interface AgentRequest {
  readonly id: number;
  readonly argv: readonly string[];
  /** The whole environment, below what the agent itself sets for LVM, mdadm and device-mapper. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly input?: string | Uint8Array | undefined;
}

/** The first thing that an agent says. */
export interface AgentHello {
  readonly bootId: string;
  /** `uname -r` in the virtual machine. */
  readonly kernel: string;
}

/** Why a command was not started. */
export type NotStarted = 'missing' | 'directory' | 'permission';

export interface AgentReply {
  readonly id: number;
  /** As the shell's `$?`: 128 + N is signal N. */
  readonly status?: number | undefined;
  readonly notStarted?: NotStarted | undefined;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

export type AgentMessage =
  | ({ readonly type: 'hello'; readonly version: number } & AgentHello)
  | { readonly type: 'next' | 'pong' }
  | ({ readonly type: 'reply' } & AgentReply);

const PONG = ':pong';

/** Bytes of a request that may be under way: less than a terminal's buffer in the machine. */
const PART_SIZE = 3000;

/**
 * A request in the pieces in which it is sent, each after the agent has asked for it. Throws RangeError when an argument holds a NUL byte.
 */
export function requestParts(request: AgentRequest): string[] {
  const text = requestText(request);
  const parts: string[] = [];
  let start = 0;
  for (; text.length - start > PART_SIZE; start += PART_SIZE) {
    parts.push(`part ${PART_SIZE}\n${text.slice(start, start + PART_SIZE)}`);
  }
  const rest = text.slice(start);
  return [...parts, `run ${request.id} ${rest.length}\n${rest}`];
}

/** The lines of a request, in ASCII. */
function requestText(request: AgentRequest): string {
  const lines = request.argv.map((word) => `arg ${escapeWord(word)}`);
  for (const [name, value] of Object.entries(request.env)) lines.push(`env ${escapeWord(`${name}=${value}`)}`);
  if (request.cwd !== undefined) lines.push(`cwd ${escapeWord(request.cwd)}`);
  if (request.input !== undefined) lines.push(`input ${Buffer.from(request.input).toString('base64')}`);
  return `${lines.join('\n')}\n`;
}

/** The bytes of a text as bash's `printf %b` reads them; nothing in it is special to a terminal or to `read`. */
export function escapeWord(text: string): string {
  if (text.includes('\0')) throw new RangeError('an argument cannot hold a NUL byte');
  return Array.from(Buffer.from(text), (byte) => (isPlain(byte) ? String.fromCharCode(byte) : octal(byte))).join('');
}

function isPlain(byte: number): boolean {
  return /[A-Za-z0-9_@%+=:,./-]/.test(String.fromCharCode(byte));
}

function octal(byte: number): string {
  return `\\0${byte.toString(8).padStart(3, '0')}`;
}

/** Puts the agent's lines together. Whatever else comes over the channel, such as the kernel's first words, is passed over. */
export class ReplyReader {
  readonly #onMessage: (message: AgentMessage) => void;
  #streams = noOutput();
  /** Lines of the stream that is being told. */
  #current: string[] | undefined;

  constructor(onMessage: (message: AgentMessage) => void) {
    this.#onMessage = onMessage;
  }

  line(text: string): void {
    const line = this.#withoutPong(text);
    if (!line.startsWith(':')) {
      this.#current?.push(line);
      return;
    }
    const [word = '', ...rest] = line.slice(1).split(' ');
    if (isStream(word)) this.#current = this.#streams[word];
    else if (word === 'next') this.#onMessage({ type: 'next' });
    else if (word === 'hello') this.#hello(rest);
    else if (word === 'done') this.#reply(rest, { status: Number(rest[1]) });
    else if (word === 'not-started') this.#reply(rest, { notStarted: rest[1] as NotStarted });
  }

  /** The agent answers while what runs prints, so its answer may stand after any byte of what that printed. */
  #withoutPong(line: string): string {
    if (!line.endsWith(PONG)) return line;
    this.#onMessage({ type: 'pong' });
    return line.slice(0, -PONG.length);
  }

  #hello([version, bootId = '', kernel = '']: readonly string[]): void {
    this.#onMessage({ type: 'hello', version: Number(version), bootId, kernel });
  }

  #reply([id]: readonly string[], outcome: Pick<AgentReply, 'status' | 'notStarted'>): void {
    const streams = this.#streams;
    this.#streams = noOutput();
    this.#current = undefined;
    const stdout = decode(streams.stdout, streams['stdout-text']);
    const stderr = decode(streams.stderr, streams['stderr-text']);
    this.#onMessage({ type: 'reply', id: Number(id), ...outcome, stdout, stderr });
  }
}

const noOutput = () => ({ stdout: [], stderr: [], 'stdout-text': [], 'stderr-text': [] }) as Record<Stream, string[]>;

/** What a command printed, in base64 or as plain text. */
type Stream = 'stdout' | 'stderr' | 'stdout-text' | 'stderr-text';

function isStream(word: string): word is Stream {
  return /^std(out|err)(-text)?$/.test(word);
}

const ESCAPES: Readonly<Record<string, string>> = { '\\n': '\n', '\\c': ':', '\\\\': '\\' };

/** Of the two forms of a stream, the agent has used one. */
function decode(base64: readonly string[], text: readonly string[]): Uint8Array {
  if (base64.length > 0) return Buffer.from(base64.join(''), 'base64');
  return Buffer.from(text.join('').replaceAll(/\\[nc\\]/g, (found) => ESCAPES[found] ?? found));
}
