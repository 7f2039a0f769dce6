import { expect, test } from 'vitest';
import { isSecretName, maskSecrets, secretFingerprint } from '../../../src/config/secrets.ts';

test('names tell secrets', () => {
  const names = ['DIB_DEV_USER_PASSWORD', 'API_TOKEN', 'my_secret_x', 'DIB_RELEASE', 'DIB_PASSTHROUGH'];
  expect(names.map(isSecretName)).toEqual([true, true, true, false, false]);
});

test('a fingerprint notices a change and does not show the secret', () => {
  const masked = maskSecrets({ DIB_DEV_USER_PASSWORD: 'hunter2', DIB_RELEASE: 'bookworm' });
  expect(masked['DIB_RELEASE']).toBe('bookworm');
  expect(masked['DIB_DEV_USER_PASSWORD']).toMatch(/^\(sensitive [0-9a-f]{32}\)$/);
  expect(secretFingerprint('DIB_DEV_USER_PASSWORD', 'hunter2')).toBe(masked['DIB_DEV_USER_PASSWORD']);
  expect(secretFingerprint('DIB_DEV_USER_PASSWORD', 'hunter3')).not.toBe(masked['DIB_DEV_USER_PASSWORD']);
  expect(secretFingerprint('OTHER_PASSWORD', 'hunter2')).not.toBe(masked['DIB_DEV_USER_PASSWORD']);
});
