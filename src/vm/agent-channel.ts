import type { AgentHello, AgentMessage, AgentReply, AgentRequest } from './protocol.ts';
import { PROTOCOL_VERSION, ReplyReader, requestParts } from './protocol.ts';

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** A conversation with the agent in a virtual machine: one request at a time, over whatever carries lines. */
export class AgentChannel {
  readonly #reader = new ReplyReader((message) => this.#take(message));
  readonly #hello = deferred<AgentHello>();
  #write: (text: string) => void = () => {};
  #pending: { readonly id: number; readonly reply: Deferred<AgentReply> } | undefined;
  /** What is still to be sent of the request. */
  #parts: string[] = [];
  #unanswered = 0;
  #failure: Error | undefined;
  #lastId = 0;

  /** Gives it the way to the agent. */
  connect(write: (text: string) => void): void {
    this.#write = write;
  }

  /** Takes a line from the agent, without its end. */
  receive(line: string): void {
    this.#unanswered = 0;
    this.#reader.line(line);
  }

  /** Settles when the agent is ready; rejects with what `fail` was given. */
  get hello(): Promise<AgentHello> {
    return this.#hello.promise;
  }

  /** Sends a request; rejects with what `fail` was or is given. The caller sends one after the other. */
  async request(request: Omit<AgentRequest, 'id'>): Promise<AgentReply> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#pending !== undefined) throw new Error('the agent runs one command at a time');
    this.#lastId += 1;
    const id = this.#lastId;
    this.#parts = requestParts({ ...request, id });
    const reply = deferred<AgentReply>();
    this.#pending = { id, reply };
    this.#sendNext();
    return await reply.promise;
  }

  /** Signals the process group of the command that runs; nothing happens when it has ended, or has not begun. */
  kill(signal: 'TERM' | 'KILL'): void {
    this.#write(`kill ${signal}\n`);
  }

  /** Asks whether the agent is there. Gives how often it was asked since it last said anything. */
  ping(): number {
    this.#unanswered += 1;
    this.#write('ping\n');
    return this.#unanswered;
  }

  /** Asks the machine to write everything to disk and to power off. */
  quit(): void {
    this.#write('quit\n');
  }

  /** The machine is gone: what is awaited, now and later, ends with this error. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#hello.reject(error);
    this.#pending?.reply.reject(error);
    this.#pending = undefined;
  }

  #take(message: AgentMessage): void {
    if (message.type === 'reply') this.#answer(message);
    else if (message.type === 'next') this.#sendNext();
    else if (message.type === 'hello') this.#greet(message);
  }

  #greet({ version, bootId, kernel }: AgentHello & { readonly version: number }): void {
    if (version === PROTOCOL_VERSION) this.#hello.resolve({ bootId, kernel });
    else this.fail(new Error(`The agent speaks version ${version} of the protocol, not ${PROTOCOL_VERSION}`));
  }

  #sendNext(): void {
    const part = this.#parts.shift();
    if (part !== undefined) this.#write(part);
  }

  #answer(reply: AgentReply): void {
    if (this.#pending?.id !== reply.id) return;
    this.#pending.reply.resolve(reply);
    this.#pending = undefined;
  }
}

/** A promise that may be rejected without anyone waiting for it. */
function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
