import { join } from 'node:path';
import { isSecretName } from '../config/secrets.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { printable, quoted, quotedPath } from '../diagnostics/printable.ts';
import { isDeviceAddress, type PackageRequest, type PhasePackages } from '../elements/element.ts';
import { METADATA_FILE } from '../elements/metadata.ts';
import { quoteCommand } from '../exec/quote.ts';
import type { PhaseOptions, ProcessStep } from './phases.ts';

/** The failure of a process (DIB_EXEC_FAILED, DIB_EXEC_TIMEOUT) told as that of what the user knows: a hook, packages, the initramfs. */
export function stepFailed(step: ProcessStep, cause: Diagnostic, options: PhaseOptions): Diagnostic {
  const late = cause.code === 'DIB_EXEC_TIMEOUT';
  const told = { ...cause, detail: withoutSecrets(cause.detail ?? '', options) };
  const diagnostic = failed(step, told, options);
  if (!late) return diagnostic;
  const help = 'A step may take two hours; `--hook-timeout` or `DIB_HOOK_TIMEOUT` sets another time, such as `6h`, and `0` none.';
  return { ...diagnostic, code: 'DIB_HOOK_TIMEOUT', help: `${help}\n${diagnostic.help ?? ''}` };
}

function failed(step: ProcessStep, cause: Diagnostic, options: PhaseOptions): Diagnostic {
  if (step.run === 'hook') return hookFailed(step, cause, options);
  return step.run === 'initramfs' ? initramfsFailed(cause, options) : packagesFailed(step, cause, options);
}

/** Command lines and output that are shown may hold what a hook was told in confidence. */
function withoutSecrets(text: string, options: PhaseOptions): string {
  const isSecret = (name: string) => isSecretName(name) || options.elementSet.secretVariables.includes(name);
  const secrets = Object.entries(options.variables).filter(([name, value]) => isSecret(name) && value.length >= 4);
  return secrets.reduce((shown, [, value]) => shown.replaceAll(value, '(sensitive)'), text);
}

/** How a process ended, without its name: what users know is the hook, not the program that runs it. */
function ending(cause: Diagnostic): string {
  return cause.summary.replace(/^`[^`]*` /, '');
}

function readLog(options: PhaseOptions): string {
  return options.logFile === undefined
    ? ''
    : `\nTo read the whole log:\n  ${quoteCommand({ argv: ['less', '+G', options.logFile] })}`;
}

function hookFailed(step: ProcessStep & { run: 'hook' }, cause: Diagnostic, options: PhaseOptions): Diagnostic {
  const hook = options.elementSet.hooks[step.phase].find((candidate) => candidate.name === step.name);
  const { detail, help } = withoutNetwork(step, options);
  return {
    code: 'DIB_HOOK_FAILED',
    severity: 'error',
    address: options.address,
    summary: `The hook ${quoted(`${step.phase}/${step.name}`)} of element ${quoted(step.element)} ${ending(cause)}`,
    detail: `${detail}${cause.detail ?? ''}`,
    help: `${help}Mend ${hook === undefined ? 'the hook' : quotedPath(hook.path)} and run \`dib apply\` again: it goes on with \`${options.address}\`, the layers below are kept. \`dib apply --break after-error\` opens a shell where it failed.${readLog(options)}`,
  };
}

/** What there is to say of a hook that had no network; else empty texts. */
function withoutNetwork({ phase, element, network }: ProcessStep & { run: 'hook' }, { elementSet }: PhaseOptions) {
  if (network !== 'none') return { detail: '', help: '' };
  const directory = elementSet.elements.find(({ name }) => name === element)?.directory;
  const file = directory === undefined ? '`element.yaml`' : quotedPath(join(directory, METADATA_FILE));
  return {
    detail: `It ran without network, as ${file} does not name ${quoted(phase)} under \`network\`.\n`,
    help: `If it needs the network, add ${quoted(phase)} to \`network\` in ${file}. Else: `,
  };
}

function initramfsFailed(cause: Diagnostic, options: PhaseOptions): Diagnostic {
  return {
    code: 'DIB_INITRAMFS_FAILED',
    severity: 'error',
    address: options.address,
    summary: `The initramfs could not be made: the image’s own program ${ending(cause)}`,
    detail: cause.detail,
    help: `It is made again after /etc/crypttab and /etc/mdadm/mdadm.conf were written, as it holds copies of them. Mend what an element or package changed in it.${readLog(options)}`,
  };
}

/** Lines of apt-get, dpkg, dnf and zypper that name the package that could not be had. */
const TOLD = /^\s*(E:|dpkg:|Errors were|No match for argument|Error: |No provider of|Package |'\S+' not found|Problem:? )/;

function packagesFailed(
  step: ProcessStep & { run: 'install' | 'uninstall' },
  cause: Diagnostic,
  options: PhaseOptions,
): Diagnostic {
  const packages = options.elementSet.packages as Readonly<Record<string, PhasePackages>>;
  const requests = packages[step.phase]?.[step.run] ?? [];
  const told = (cause.detail ?? '').split('\n').filter((line) => TOLD.test(line));
  const named = requests.filter(({ name }) => told.some((line) => line.split(/[\s'",;:()]+/).includes(name)));
  const list = (some: readonly PackageRequest[]) =>
    some.map(({ name, requestedBy }) => `${name} (${requestedBy.map(asker).join(', ')})`);
  const asked = named.length > 0 ? `Asked for by: ${list(named).join('; ')}.` : `Asked for: ${list(requests).join(', ')}.`;
  return {
    code: 'DIB_PACKAGES_FAILED',
    severity: 'error',
    address: options.address,
    summary: `The packages of ${quoted(step.phase)} could not be ${step.run === 'install' ? 'installed' : 'removed'}: the package manager ${ending(cause)}`,
    detail: cause.detail,
    help: `${asked} Correct the names there, or try again if the mirror was out of reach.${readLog(options)}`,
  };
}

function asker(name: string): string {
  if (isDeviceAddress(name)) return `the block device ${quoted(name)}`;
  return name === 'image.yaml' ? '`packages` of image.yaml' : `package-installs.yaml of element ${name}`;
}

/** What a step left running is no failure, and the user should know of it. */
export function leftRunning(title: string, commands: readonly string[], options: PhaseOptions): Diagnostic {
  const lines = commands.map((line) => `  ${printable(withoutSecrets(line, options)).slice(0, 200)}`);
  return {
    code: 'DIB_HOOK_LEFT_RUNNING',
    severity: 'warning',
    address: options.address,
    summary: `${title} left ${commands.length === 1 ? 'a process' : `${commands.length} processes`} running`,
    detail: `dib killed ${commands.length === 1 ? 'it' : 'them'}:\n${lines.join('\n')}`,
    help: 'Nothing of a build goes on after its hook. Have the hook end what it starts; a service of the image is enabled, not started.',
  };
}
