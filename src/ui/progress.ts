import type { ChalkInstance } from 'chalk';
import { createLogUpdate } from 'log-update';
import type { Event, Hook } from '../engine/events.ts';

/** Shows what the worker does, from its events. */
export interface ProgressView {
  event(event: Event): void;
  /** Leaves the screen to somebody else; what happens meanwhile is shown afterwards. */
  pause(): void;
  resume(): void;
  /** Leaves the screen as it is for whatever is printed next. */
  close(): void;
}

const DOING: Readonly<Record<Hook['action'], string>> = {
  create: 'Creating',
  reuse: 'Reusing',
  update: 'Making anew',
  replace: 'Replacing',
  delete: 'Destroying',
  attach: 'Attaching',
  detach: 'Detaching',
  forget: 'Forgetting',
};
const DONE: Readonly<Record<Hook['action'], string>> = {
  create: 'Creation complete',
  reuse: 'Reused',
  update: 'Made anew',
  replace: 'Replacement complete',
  delete: 'Destruction complete',
  attach: 'Attached',
  detach: 'Detached',
  forget: 'Forgotten',
};

/** One line when an action starts and one when it ends, and a sign of life now and then: for logs. */
export function plainProgress(stream: NodeJS.WritableStream, colour: ChalkInstance): ProgressView {
  return pausable((event) => {
    const line = plainLine(event, colour);
    if (line !== undefined) stream.write(`${line}\n`);
  });
}

/** Keeps events back while it is paused. */
function pausable(show: (event: Event) => void): ProgressView {
  let kept: Event[] | undefined;
  return {
    event: (event) => {
      if (kept === undefined) show(event);
      else kept.push(event);
    },
    pause() {
      kept ??= [];
    },
    resume() {
      const events = kept ?? [];
      kept = undefined;
      for (const event of events) show(event);
    },
    close() {},
  };
}

function plainLine(event: Event, colour: ChalkInstance): string | undefined {
  switch (event.type) {
    case 'apply_start':
      return `${colour.bold(event.hook.resource.addr)}: ${DOING[event.hook.action]}...`;
    case 'apply_progress':
      return `${colour.bold(event.hook.resource.addr)}: ${event.hook.message ?? 'Still working...'} [${seconds(event.hook.elapsed_seconds)} elapsed]`;
    case 'apply_complete':
      return `${colour.bold(event.hook.resource.addr)}: ${DONE[event.hook.action]} after ${seconds(event.hook.elapsed_seconds)}`;
    case 'apply_errored':
      return `${colour.bold(event.hook.resource.addr)}: ${colour.red('Failed')} after ${seconds(event.hook.elapsed_seconds)}`;
    default:
      return undefined;
  }
}

interface Running {
  readonly hook: Hook;
  readonly since: number;
  message: string;
}

/** Finished actions scroll away; those under way stay at the bottom, each with its last word and its time. */
export function liveProgress(stream: NodeJS.WriteStream, colour: ChalkInstance): ProgressView {
  const update = createLogUpdate(stream);
  const running = new Map<string, Running>();
  const draw = () => update([...running.values()].map((action) => liveLine(action, stream.columns ?? 80, colour)).join('\n'));
  let timer = setInterval(draw, 200).unref();
  const view = pausable((event) => {
    if (event.type === 'apply_start') running.set(event.hook.resource.addr, { hook: event.hook, since: Date.now(), message: '' });
    const action = event.type === 'apply_progress' ? running.get(event.hook.resource.addr) : undefined;
    if (action !== undefined && event.type === 'apply_progress') action.message = event.hook.message ?? action.message;
    if (event.type === 'apply_complete' || event.type === 'apply_errored') {
      running.delete(event.hook.resource.addr);
      update.clear();
      stream.write(`${plainLine(event, colour)}\n`);
    }
    draw();
  });
  return {
    event: view.event,
    pause() {
      clearInterval(timer);
      update.clear();
      update.done();
      view.pause();
    },
    resume() {
      view.resume();
      timer = setInterval(draw, 200).unref();
    },
    close() {
      clearInterval(timer);
      update.clear();
      update.done();
    },
  };
}

function liveLine(action: Running, columns: number, colour: ChalkInstance): string {
  const elapsed = seconds((Date.now() - action.since) / 1000);
  const address = action.hook.resource.addr;
  const room = Math.max(0, columns - address.length - elapsed.length - 8);
  const word = (action.message === '' ? `${DOING[action.hook.action]}...` : action.message).slice(0, room);
  return `${colour.cyan('>')} ${colour.bold(address)} ${word} ${colour.dim(elapsed)}`;
}

function seconds(elapsed: number): string {
  const whole = Math.round(elapsed);
  return whole < 60 ? `${whole}s` : `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
}
