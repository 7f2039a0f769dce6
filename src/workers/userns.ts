import { DIE_WITH_PARENT } from '../exec/namespaces.ts';
import { ownPids } from './host.ts';

/**
 * Starts a command as a worker without root: root inside is the caller, all other users are the caller's subordinate ids (subuid(5)).
 * Every process that touches a tree has this same mapping.
 */
export function usernsWorkerArgv(command: readonly string[]): string[] {
  const mapping = ['--user', '--map-auto', '--map-root-user'];
  return [...DIE_WITH_PARENT, 'unshare', ...mapping, '--mount', '--propagation', 'slave', ...ownPids(), ...command];
}
