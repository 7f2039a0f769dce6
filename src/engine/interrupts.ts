/** How far an interrupt has gone; each level includes those before. */
export interface Interrupts {
  /** First: nothing new starts. */
  readonly halt: AbortSignal;
  /** First, after a grace: actions that can be stopped in the middle are. */
  readonly stop: AbortSignal;
  /** Second: everything that runs is killed. */
  readonly kill: AbortSignal;
  /** Five seconds after the second: teardown is killed too. */
  readonly giveUp: AbortSignal;
  /** 1 or 2; a lower level than before changes nothing. */
  raise(level: number): void;
  /** Ends the timers. */
  close(): void;
}

/** Milliseconds that teardown may take after the second interrupt. */
const TEARDOWN_LIMIT = 5000;

/** `grace`: milliseconds between the first interrupt and `stop`. */
export function createInterrupts(grace = 2000): Interrupts {
  const halt = new AbortController();
  const stop = new AbortController();
  const kill = new AbortController();
  const giveUp = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const later = (milliseconds: number, controller: AbortController) => {
    timers.push(setTimeout(() => controller.abort(), milliseconds));
  };
  return {
    halt: halt.signal,
    stop: stop.signal,
    kill: kill.signal,
    giveUp: giveUp.signal,
    raise(level) {
      if (level >= 1 && !halt.signal.aborted) {
        halt.abort();
        later(grace, stop);
      }
      if (level >= 2 && !kill.signal.aborted) {
        stop.abort();
        kill.abort();
        later(TEARDOWN_LIMIT, giveUp);
      }
    },
    close: () => {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
