import { expect, test } from 'vitest';
import { DibError } from '../../../src/diagnostics/errors.ts';
import { explainRegistry } from '../../../src/rootfs/trees/registry-failures.ts';

const REF = 'docker://registry.example.org:5000/team/image:v1';

function explained(detail: string, ref = REF) {
  const error = new DibError({ severity: 'error', code: 'DIB_EXEC_FAILED', summary: 'skopeo failed', detail });
  return (explainRegistry(error, { ref }) as DibError).diagnostics[0];
}

// Words of skopeo 1.9 and 1.18.
test.each([
  ['reading manifest v1 in host/image: manifest unknown: manifest unknown', 'DIB_OCI_NOT_FOUND'],
  ['reading manifest v1 in host/image: name unknown: repository name not known to registry', 'DIB_OCI_NOT_FOUND'],
  ['reading manifest v1 in docker.io/x/y: requested access to the resource is denied', 'DIB_OCI_LOGIN'],
  ['reading manifest v1: unauthorized: authentication required', 'DIB_OCI_LOGIN'],
  ['pinging container registry h: Get "https://h/v2/": http: server gave HTTP response to HTTPS client', 'DIB_OCI_TLS'],
  ['pinging container registry h: Get "https://h/v2/": x509: certificate signed by unknown authority', 'DIB_OCI_TLS'],
  ['pinging container registry h: Get "https://h/v2/": dial tcp: lookup h: no such host', 'DIB_OCI_UNREACHABLE'],
  ['writing blob: no space left on device', 'DIB_EXEC_FAILED'],
])('%s', (text, code) => {
  expect(explained(text)?.code).toBe(code);
});

test('names the registry, which is Docker’s own where the reference has none', () => {
  expect(explained('dial tcp')?.summary).toBe('The registry registry.example.org:5000 cannot be reached');
  expect(explained('dial tcp', 'docker://debian:bookworm')?.summary).toBe('The registry docker.io cannot be reached');
  expect(explained('dial tcp', 'docker://library/debian')?.summary).toBe('The registry docker.io cannot be reached');
  expect(explained('dial tcp', 'docker://localhost/debian')?.summary).toBe('The registry localhost cannot be reached');
});
