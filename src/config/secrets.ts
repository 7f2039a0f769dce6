import { scryptSync } from 'node:crypto';

/** Variables of this sort are never shown, logged or stored. */
const SECRET_NAME = /PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|PRIVATE_KEY|CREDENTIAL/;

/** Whether a variable's name says that its value is secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.toUpperCase());
}

const fingerprints = new Map<string, string>();

/**
 * Stands for a secret where a change of it must be noticed: equal secrets of one variable have equal fingerprints.
 * scrypt (RFC 7914) makes guessing the secret from it costly, as a plain digest would not.
 */
export function secretFingerprint(name: string, value: string): string {
  const id = `${name}=${value}`;
  const found = fingerprints.get(id);
  if (found !== undefined) return found;
  const fingerprint = `(sensitive ${scryptSync(value, `dib/${name}`, 16).toString('hex')})`;
  fingerprints.set(id, fingerprint);
  return fingerprint;
}

/** The variables with every secret replaced by its fingerprint: values whose names say so or that are declared secret, and users and passwords of URLs. */
export function maskSecrets(
  variables: Readonly<Record<string, string>>,
  declared: readonly string[] = [],
): Record<string, string> {
  const isSecret = (name: string): boolean => isSecretName(name) || declared.includes(name);
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      isSecret(name) ? secretFingerprint(name, value) : maskUrls(name, value),
    ]),
  );
}

/** Users of http and ftp often are tokens; of other schemes (`ssh://git@...`) only a password is a secret. */
function maskUrls(name: string, value: string): string {
  return value.replace(/\b([a-z][a-z0-9+.-]*):\/\/([^/\s@]+)@/gi, (url, scheme: string, login: string) =>
    /^(https?|ftps?)$/i.test(scheme) || login.includes(':') ? `${scheme}://${secretFingerprint(name, login)}@` : url,
  );
}
