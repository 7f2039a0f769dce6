import { searchPath } from './probe.ts';

/** What a child may see of the caller's environment: where home is, and how to reach the network. */
const PASSED_ON = ['HOME', 'http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];

/** The environment of every process that dib starts: PATH with the system's directories, LC_ALL=C, HOME and the proxies; then `extra`. */
export function minimalEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const environment: Record<string, string> = { PATH: searchPath().join(':'), LC_ALL: 'C', HOME: '/' };
  for (const name of PASSED_ON) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return { ...environment, ...extra };
}
