import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { DibError } from '../../diagnostics/errors.ts';
import { quotedPath } from '../../diagnostics/printable.ts';

/** What skopeo says (containers/image, and error codes of the OCI distribution specification), by what it means. The first that matches counts. */
const MEANINGS: readonly { readonly pattern: RegExp; readonly tell: (fetch: RegistryFetch) => Told }[] = [
  { pattern: /manifest unknown|name unknown|repository name not known/i, tell: notFound },
  { pattern: /unauthorized|authentication required|access to the resource is denied|invalid username\/password/i, tell: noLogin },
  { pattern: /server gave HTTP response to HTTPS client/, tell: plainHttp },
  { pattern: /x509: /, tell: wrongCertificate },
  { pattern: /no such host|dial tcp|pinging container registry|i\/o timeout|TLS handshake timeout/, tell: unreachable },
];

type Told = Pick<Diagnostic, 'code' | 'summary' | 'help'>;

/** What was asked of a registry. */
export interface RegistryFetch {
  /** As image.yaml has it. */
  readonly ref: string;
  /** What `ref` meant when it was first fetched. */
  readonly pinned?: string | undefined;
}

/** What fetching from a registry died of, where it can be told; the same error where not. */
export function explainRegistry(error: unknown, fetch: RegistryFetch): unknown {
  const cause = error instanceof DibError ? error.diagnostics[0] : undefined;
  if (cause?.code !== 'DIB_EXEC_FAILED') return error;
  const meaning = MEANINGS.find(({ pattern }) => pattern.test(cause.detail ?? ''));
  return meaning === undefined ? error : new DibError({ ...cause, ...meaning.tell(fetch) });
}

function notFound({ ref, pinned }: RegistryFetch): Told {
  if (pinned === undefined) {
    return {
      code: 'DIB_OCI_NOT_FOUND',
      summary: `The registry has no image ${quotedPath(ref)}`,
      help: 'Check name and tag or digest; `skopeo list-tags docker://HOST/NAME` prints the tags.',
    };
  }
  return {
    code: 'DIB_OCI_NOT_FOUND',
    summary: `The registry no longer has the image that ${quotedPath(ref)} meant when it was first fetched`,
    help: `It was sha256:${pinned}. \`--upgrade\` takes what the tag means now.`,
  };
}

function noLogin({ ref }: RegistryFetch): Told {
  return {
    code: 'DIB_OCI_LOGIN',
    summary: `The registry gives ${quotedPath(ref)} only to those who have logged in, or there is none`,
    help: `Run \`skopeo login --authfile ~/.docker/config.json ${hostOf(ref)}\` as the user who builds.`,
  };
}

function plainHttp({ ref }: RegistryFetch): Told {
  return {
    code: 'DIB_OCI_TLS',
    summary: `The registry ${hostOf(ref)} speaks HTTP without TLS`,
    help: `If that is meant, say so in \`~/.config/containers/registries.conf\`: \`[[registry]]\`, \`location = "${hostOf(ref)}"\`, \`insecure = true\`.`,
  };
}

function wrongCertificate({ ref }: RegistryFetch): Told {
  return {
    code: 'DIB_OCI_TLS',
    summary: `The certificate of the registry ${hostOf(ref)} cannot be trusted`,
    help: `Put the certificate of its authority into \`/etc/containers/certs.d/${hostOf(ref)}/ca.crt\`.`,
  };
}

function unreachable({ ref }: RegistryFetch): Told {
  return {
    code: 'DIB_OCI_UNREACHABLE',
    summary: `The registry ${hostOf(ref)} cannot be reached`,
    help: 'Check `distro.ref`, the network and, behind a proxy, the variable `https_proxy`.',
  };
}

/** Of `docker://HOST/NAME`; without a host, as `docker://debian`, it is Docker's own registry: containers-transports(5). */
function hostOf(ref: string): string {
  const [first = '', ...rest] = ref.replace(/^docker:\/\//, '').split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}
