import { resolve } from 'node:path';
import { ExitCode } from '../../diagnostics/errors.ts';
import type { Past } from '../../plan/make-plan.ts';
import type { Plan } from '../../plan/plan.ts';
import type { ReadImage } from '../../plan/prepare.ts';
import { type GlobalOptions, printDiagnostics } from '../command.ts';
import { planOptions } from '../plan-options.ts';
import { type ImageOptions, isRoot, type Location, locateImage, readImage, readPast } from '../session.ts';
import { dibVersion } from '../version.ts';

export interface ImportOptions extends GlobalOptions, ImageOptions {
  readonly image: string;
  readonly lockTimeout?: number;
}

/** Records an object that is there already as a resource of the image. It is not touched. */
export async function importObject(address: string, id: string, options: ImportOptions): Promise<ExitCode> {
  const location = locateImage(options.image, options);
  const { read, warnings } = await readImage(location.file);
  if (options.json !== true) await printDiagnostics(warnings, options);
  const [{ lockState }, { adopt }, { kindRegistry }, { openState }, { readHost }, { recordCreated }] = await Promise.all([
    import('../../state/lock.ts'),
    import('../../plan/adopt.ts'),
    import('../../kinds/registry.ts'),
    import('../../state/store.ts'),
    import('../../state/host.ts'),
    import('../../state/transitions.ts'),
  ]);
  const onWait = (message: string) => void process.stderr.write(`${message}\n`);
  const lock = await lockState(location.paths.state, { operation: 'state import', timeout: options.lockTimeout, onWait });
  try {
    const { past } = await readPast(location);
    const plan = await planOf(read, past, location);
    const request = { plan, recorded: past.resources, kinds: kindRegistry(), paths: location.paths };
    const { intent, outputs } = await adopt(request, address, resolve(id));
    const store = await openState(location.paths.state, { dibVersion: dibVersion(), image: plan.image, host: await readHost() });
    // Facts that the keys of the plan were made with.
    await store.update((state) => recordCreated({ ...state, facts: plan.facts }, intent, outputs));
    if (options.json === true) process.stdout.write(`${JSON.stringify({ format_version: '1.0', address, outputs }, null, 2)}\n`);
    else
      process.stdout.write(
        `Imported ${address} from ${resolve(id)}. It was not touched; \`dib plan\` compares it with the configuration.\n`,
      );
  } finally {
    await lock.release();
  }
  return ExitCode.Ok;
}

/** The configuration as resources; nothing that is recorded is looked at. */
async function planOf(read: ReadImage, past: Past, { paths }: Location): Promise<Plan> {
  const [{ makePlan }, { kindRegistry }] = await Promise.all([
    import('../../plan/make-plan.ts'),
    import('../../kinds/registry.ts'),
  ]);
  const made = await makePlan({
    read,
    past,
    paths,
    kinds: kindRegistry(),
    options: { ...planOptions({}), refresh: false },
    dibVersion: dibVersion(),
    isRoot: isRoot(),
    kernels: async () => (await import('../../workers/kernels.ts')).readKernels(),
  });
  return made.plan;
}
