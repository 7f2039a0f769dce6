import { hostFiles } from '../host/files.ts';
import { brokenAttachments } from '../plan/attachment-drift.ts';
import type { Surroundings } from './actions.ts';
import type { Failure } from './apply.ts';
import { Attachments } from './attachments.ts';

/** How a finished image is attached for inspection. */
export interface AttachOptions {
  /** Nothing can be written to the disk files. */
  readonly readOnly: boolean;
  /** Mount its file systems too. */
  readonly mount: boolean;
}

/**
 * Attaches everything that is recorded and leaves it so. What is attached stays; where somebody took away a part of it, all of it is attached anew.
 * After a failure nothing stays attached.
 */
export async function attachImage(surroundings: Surroundings, options: AttachOptions): Promise<readonly Failure[]> {
  const attachments = new Attachments({ ...surroundings, readOnly: options.readOnly });
  const { store, machines } = surroundings;
  const { bootId } = await machines.open();
  const broken = await brokenAttachments(store.current.resources, bootId, hostFiles());
  if (broken.size > 0) {
    const failures = await attachments.detachAll();
    if (failures.length > 0) return failures;
  }
  try {
    await attachments.attachAll(options.mount ? () => true : ({ kind }) => kind !== 'mount');
    return [];
  } catch (error) {
    return [{ address: '', error }, ...(await attachments.detachAll())];
  }
}
