import { dieWithFront, ownPids } from './host.ts';

/**
 * Starts a command as a worker without root: root inside is the caller, all other users are the caller's subordinate ids (subuid(5)).
 * Every process that touches a tree has this same mapping.
 */
export function usernsWorkerArgv(command: readonly string[]): string[] {
  const mapping = ['--user', '--map-auto', '--map-root-user'];
  return [...dieWithFront(), 'unshare', ...mapping, '--mount', '--propagation', 'private', ...ownPids(), ...command];
}
