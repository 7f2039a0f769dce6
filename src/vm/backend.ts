/** What every virtual machine is started with. */
export interface VmOptions {
  /** Directory of the run, for sockets and other files that end with the machine. Exists; absolute. */
  readonly scratch: string;
  /** Its memory in MiB. */
  readonly memory: number;
  /**
   * While a command runs, its agent is asked every so many milliseconds whether it is there. When it has been asked so many times without
   * saying anything, the machine is killed: it hangs. Default: every 10 seconds, 18 times.
   */
  readonly watchdog?: { readonly every: number; readonly times: number } | undefined;
}

/** How a virtual machine ended. */
export interface VmEnd {
  /** As the end of a sentence: `exit status 1`. */
  readonly how: string;
  /** The last lines of its console, oldest first. */
  readonly console: readonly string[];
}

/** A virtual machine that was started. What runs in it is libexec/vm-agent, whose channel this is. */
export interface VmProcess {
  /** Bytes to the agent. */
  write(text: string): void;
  /** Settles when all its processes are gone. Never rejects. */
  readonly ended: Promise<VmEnd>;
  /** Ends it at once. */
  kill(): void;
  /** Machine.see. `run`: gives the standard output of a command in the machine. */
  see(file: string, run: (argv: readonly string[]) => Promise<string>): Promise<string>;
  /** Called when the agent has answered: what only the boot needed may go. */
  booted(): Promise<void>;
  /** Removes what it had in the scratch directory, after its end. */
  dispose(): Promise<void>;
}

/** A way to have a virtual machine. */
export interface VmBackend {
  readonly name: 'uml' | 'qemu';
  /** As people call it, for messages. */
  readonly title: string;
  /** Seconds from its start until the agent answers, at most. */
  readonly bootLimit: number;
  /** Starts it; `onLine` gets what the agent says, line by line. Throws DibError when it cannot be started. */
  start(options: VmOptions, onLine: (line: string) => void): Promise<VmProcess>;
}
