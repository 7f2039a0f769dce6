/** One reference token of a JSON pointer, escaped (RFC 6901 section 3). */
export function pointerToken(key: string | number): string {
  return String(key).replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The keys that a JSON pointer names, from the outside in. */
export function pointerKeys(pointer: string): readonly string[] {
  if (pointer === '') return [];
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** A pointer as people write it: `outputs[0].path`. */
export function pointerPath(pointer: string): string {
  let path = '';
  for (const key of pointerKeys(pointer)) {
    if (/^\d+$/u.test(key) && path !== '') path += `[${key}]`;
    else path += path === '' ? key : `.${key}`;
  }
  return path;
}
