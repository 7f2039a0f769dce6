import { DIE_WITH_PARENT, OWN_PIDS } from '../exec/namespaces.ts';

/**
 * Starts a command as a worker with the caller's rights, in its own pid and mount namespaces. When the front dies the kernel kills unshare
 * (setpriv(1) --pdeathsig), then the first process of the pid namespace (unshare(1) --kill-child), and with it all others in the namespace.
 * What the host unmounts meanwhile goes here too: otherwise our copy of somebody else's mount would keep his loop device from being detached.
 */
export function hostWorkerArgv(command: readonly string[]): string[] {
  return [...DIE_WITH_PARENT, 'unshare', '--mount', '--propagation', 'slave', ...ownPids(), ...command];
}

/**
 * The same in the caller's own mount namespace: for what must stay when the worker is gone (--keep-attached), and for undoing that.
 * In a pid namespace too: when the worker is killed no losetup or mount of it may go on and attach what nobody looks for any more.
 */
export function sharedWorkerArgv(command: readonly string[]): string[] {
  return [...DIE_WITH_PARENT, 'unshare', ...OWN_PIDS, ...command];
}

export function ownPids(): string[] {
  return [...OWN_PIDS, '--mount-proc'];
}
