import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { DibError, ExitCode } from '../diagnostics/errors.ts';
import { printable } from '../diagnostics/printable.ts';
import type { Command, CommandResult } from '../exec/command.ts';
import { CommandOutput, conclude } from '../exec/conclude.ts';
import { minimalEnvironment } from '../exec/environment.ts';
import { cannotStartError, type Ending, interruptedError, notFoundError } from '../exec/errors.ts';
import type { Machine } from '../exec/machine.ts';
import { quoteCommand } from '../exec/quote.ts';
import { killOnAbort, type RunnerOptions } from '../exec/run.ts';
import { AgentChannel } from './agent-channel.ts';
import type { VmBackend, VmEnd, VmOptions, VmProcess } from './backend.ts';
import type { AgentHello, AgentReply } from './protocol.ts';

/** Milliseconds that a machine has to write what is not on disk yet, and to power off. */
const POWER_OFF_TIME = 60_000;
/** Milliseconds between two questions whether it is alive, and how many of them may stay without an answer: three minutes in all. */
const WATCHDOG = { every: 10_000, times: 18 };
/** Lines of the console that an error shows. */
const SHOWN_LINES = 30;
/** Milliseconds between two requests to kill a command, and after which the machine is killed with it. */
const KILL_INTERVAL = 1000;
const KILL_TIME = 10_000;

/** Starts a virtual machine and waits for its agent. Throws DIB_VM_BOOT, with the end of its console, when it does not answer. */
export async function startMachine(backend: VmBackend, options: VmOptions): Promise<Machine> {
  const channel = new AgentChannel();
  const vm = await backend.start(options, (line) => channel.receive(line));
  channel.connect((text) => vm.write(text));
  let expired = false;
  const limit = setTimeout(() => {
    expired = true;
    vm.kill();
  }, backend.bootLimit * 1000);
  const guard: Guard = { ...(options.watchdog ?? WATCHDOG), hung: false };
  void vm.ended.then((end) => channel.fail(diedError(backend, end, guard.hung)));
  try {
    const hello = await channel.hello;
    await vm.booted();
    return new VirtualMachine(backend, vm, channel, hello, guard);
  } catch (error) {
    vm.kill();
    const end = await vm.ended;
    await vm.dispose();
    if (error instanceof DibError) throw bootError(backend, end, expired);
    throw error;
  } finally {
    clearTimeout(limit);
  }
}

/** The watchdog of a machine, and whether it bit. */
interface Guard {
  readonly every: number;
  readonly times: number;
  hung: boolean;
}

class VirtualMachine implements Machine {
  readonly name: Machine['name'];
  readonly bootId: string;
  readonly shared = false;
  readonly #backend: VmBackend;
  readonly #vm: VmProcess;
  readonly #channel: AgentChannel;
  readonly #guard: Guard;
  /** Settles when the commands so far have ended. */
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(backend: VmBackend, vm: VmProcess, channel: AgentChannel, hello: AgentHello, guard: Guard) {
    this.name = backend.name;
    this.bootId = hello.bootId;
    this.#backend = backend;
    this.#vm = vm;
    this.#channel = channel;
    this.#guard = guard;
  }

  run(command: Command, options: RunnerOptions): Promise<CommandResult> {
    const result = this.#last.then(() => this.#run(command, options));
    this.#last = result.catch(() => {});
    return result;
  }

  see(file: string): Promise<string> {
    return this.#vm.see(file, async (argv) => (await this.run({ argv }, {})).stdout);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #run(command: Command, options: RunnerOptions): Promise<CommandResult> {
    if (command.argv[0] === undefined) throw new RangeError('a command needs a program');
    if (options.signal?.aborted || options.killSignal?.aborted) throw interruptedError(command, options.address);
    options.log?.write(`$ ${quoteCommand(command)}\n`);
    const started = performance.now();
    const { argv, cwd, input } = command;
    const env = minimalEnvironment({ ...options.env, ...command.env });
    const reply = await this.#untilReply(this.#channel.request({ argv, env, cwd, input }), options);
    if (reply.notStarted !== undefined) {
      options.log?.write(`[not started: ${reply.notStarted}]\n`);
      throw startError(command, reply.notStarted, options.address);
    }
    const output = new CommandOutput(options);
    output.write('stdout', reply.stdout);
    output.write('stderr', reply.stderr);
    const place = `in the virtual machine (${this.#backend.title})`;
    return conclude(command, endingOf(reply.status ?? 0), started, output, options, { place });
  }

  /** Waits for an answer. A kill may come before the command is there to be killed, so it is sent until it works. */
  async #untilReply(reply: Promise<AgentReply>, options: RunnerOptions): Promise<AgentReply> {
    let repeated: NodeJS.Timeout | undefined;
    let last: NodeJS.Timeout | undefined;
    const stop = killOnAbort(options, (signal) => {
      const send = () => this.#channel.kill(signal === 'SIGTERM' ? 'TERM' : 'KILL');
      clearInterval(repeated);
      repeated = setInterval(send, KILL_INTERVAL);
      if (signal === 'SIGKILL') last ??= setTimeout(() => this.#vm.kill(), KILL_TIME);
      send();
    });
    const watchdog = setInterval(() => this.#watch(), this.#guard.every);
    try {
      return await reply;
    } finally {
      stop();
      clearInterval(watchdog);
      clearInterval(repeated);
      clearTimeout(last);
    }
  }

  #watch(): void {
    if (this.#channel.ping() <= this.#guard.times) return;
    this.#guard.hung = true;
    this.#vm.kill();
  }

  async #close(): Promise<void> {
    this.#channel.quit();
    const done = new AbortController();
    const guard = delay(POWER_OFF_TIME, undefined, { signal: done.signal }).then(
      () => this.#vm.kill(),
      () => {},
    );
    await this.#vm.ended;
    done.abort();
    await guard;
    await this.#vm.dispose();
  }
}

/** A shell's `$?` as the ending of a process. */
function endingOf(status: number): Ending {
  const signal = Object.entries(constants.signals).find(([, number]) => status === 128 + number);
  return signal === undefined ? { exitCode: status } : { signal: signal[0] };
}

function startError(command: Command, reason: AgentReply['notStarted'], address: string | undefined): Error {
  if (reason === 'missing') return notFoundError(command, address);
  const why = reason === 'directory' ? `its directory ${command.cwd} does not exist` : 'it is not executable';
  return cannotStartError(command, why, address);
}

function diedError(backend: VmBackend, end: VmEnd, hung: boolean): DibError {
  return new DibError({
    code: 'DIB_VM_DIED',
    severity: 'error',
    summary: `The virtual machine (${backend.title}) ${hung ? 'hung, and was killed' : `ended with ${end.how}`}`,
    detail: `What was attached in it is gone with it. ${consoleText(end)}`,
    help: 'Run `dib apply` to go on from there. If its memory was used up, give it more with `DIB_VM_MEMORY=1GiB`.',
  });
}

function bootError(backend: VmBackend, end: VmEnd, expired: boolean): DibError {
  return new DibError(
    {
      code: 'DIB_VM_BOOT',
      severity: 'error',
      summary: expired
        ? `The virtual machine (${backend.title}) did not answer in ${backend.bootLimit} seconds`
        : `The virtual machine (${backend.title}) ended with ${end.how} before it was ready`,
      detail: consoleText(end),
      help: '`dib doctor` shows which virtual machines this host can run.',
    },
    ExitCode.Unavailable,
  );
}

function consoleText(end: VmEnd): string {
  const lines = end.console.slice(-SHOWN_LINES).map((line) => `  ${printable(line)}`);
  return lines.length === 0 ? 'Its console shows nothing.' : `The end of its console:\n${lines.join('\n')}`;
}
