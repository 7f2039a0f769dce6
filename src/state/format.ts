import { fail } from '../diagnostics/errors.ts';
import { printable, quoted, quotedPath } from '../diagnostics/printable.ts';
import type { SchemaValidator } from '../diagnostics/schema-validator.ts';
import type { Attachment, KeyDocument, Outputs, RecordedResource } from '../kinds/kind.ts';
import type { Facts, WorkerName } from '../plan/plan.ts';
import type { JsonObject } from '../util/json.ts';
import type { State } from './state.ts';

const FORMAT = 'dib.state';
const FORMAT_VERSION = '1.0';

/** The file's content: schemas/state.schema.json. */
interface StateFile {
  format: string;
  format_version: string;
  lineage: string;
  serial: number;
  dib_version: string;
  image: { file: string; name: string; sha256: string };
  host: { machine_id: string; boot_id: string };
  worker: WorkerName | null;
  facts: Facts;
  resources: ResourceRecord[];
}

interface ResourceRecord {
  address: string;
  kind: string;
  name: string;
  status: RecordedResource['status'];
  inputs: JsonObject;
  outputs: Outputs;
  key: string;
  key_document: KeyDocument;
  depends_on: readonly string[];
  marker?: JsonObject;
  attachment?: { status: Attachment['status']; boot_id: string; read_only?: boolean; marker?: JsonObject; outputs: Outputs };
  stamp?: JsonObject;
}

/** The text of state.json: indented, resources by address, so that it can be read and compared. */
export function formatState(state: State): string {
  const file: StateFile = {
    format: FORMAT,
    format_version: FORMAT_VERSION,
    lineage: state.lineage,
    serial: state.serial,
    dib_version: state.dibVersion,
    image: { file: state.image.file, name: state.image.name, sha256: state.image.sha256 },
    host: { machine_id: state.host.machineId, boot_id: state.host.bootId },
    worker: state.worker,
    facts: state.facts,
    resources: [...state.resources].sort((a, b) => (a.address < b.address ? -1 : 1)).map(toRecord),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

function toRecord(resource: RecordedResource): ResourceRecord {
  const { address, kind, name, status, inputs, outputs, key, attachment, marker, stamp } = resource;
  return {
    address,
    kind,
    name,
    status,
    inputs,
    outputs,
    key,
    key_document: resource.keyDocument,
    depends_on: resource.dependsOn,
    ...(marker === undefined ? {} : { marker }),
    ...(attachment === undefined
      ? {}
      : {
          attachment: {
            status: attachment.status,
            boot_id: attachment.bootId,
            ...(attachment.readOnly === undefined ? {} : { read_only: attachment.readOnly }),
            ...(attachment.marker === undefined ? {} : { marker: attachment.marker }),
            outputs: attachment.outputs,
          },
        }),
    ...(stamp === undefined ? {} : { stamp }),
  };
}

function fromRecord(record: ResourceRecord): RecordedResource {
  const { key_document, depends_on, attachment, ...rest } = record;
  return {
    ...rest,
    keyDocument: key_document,
    dependsOn: depends_on,
    ...(attachment === undefined ? {} : { attachment: toAttachment(attachment) }),
  };
}

function toAttachment({ boot_id, read_only, ...rest }: NonNullable<ResourceRecord['attachment']>): Attachment {
  return { ...rest, bootId: boot_id, ...(read_only === undefined ? {} : { readOnly: read_only }) };
}

/**
 * Reads the text of state.json. Throws DibError: DIB_STATE_CORRUPT (not JSON, or not of the schema), DIB_STATE_FOREIGN (something else's
 * file), DIB_STATE_NEWER (a later format). `validate` is the validator compiled from the schema.
 */
export function parseState(text: string, path: string, validate: SchemaValidator): State {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return corrupt(path, `It is not JSON: ${printable((error as Error).message)}.`);
  }
  const head = (value !== null && typeof value === 'object' ? value : {}) as { format?: unknown; format_version?: unknown };
  if (head.format !== FORMAT) {
    return fail({
      code: 'DIB_STATE_FOREIGN',
      summary: `${quotedPath(path)} is not a state of dib`,
      detail: `Its \`format\` is not \`${FORMAT}\`: another program may have written it. dib leaves it alone.`,
      help: 'Move it away, or give another directory with `--state-dir`.',
    });
  }
  const version = String(head.format_version);
  if (/^\d+\.\d+$/.test(version) && Number(version.split('.')[0]) > 1) {
    return fail({
      code: 'DIB_STATE_NEWER',
      summary: `${quotedPath(path)} has format ${quoted(version)}; this dib knows ${FORMAT_VERSION}`,
      detail: 'A later version of dib wrote it. This one could misread it, so it does nothing.',
      help: 'Use that version of dib.',
    });
  }
  if (!validate(value)) {
    const [problem] = validate.errors ?? [];
    return corrupt(
      path,
      `At ${problem?.instancePath ? quotedPath(problem.instancePath) : 'the top'}: ${problem?.message ?? 'it does not fit its schema'}.`,
    );
  }
  return fromFile(value as StateFile);
}

function fromFile(file: StateFile): State {
  return {
    lineage: file.lineage,
    serial: file.serial,
    dibVersion: file.dib_version,
    image: file.image,
    host: { machineId: file.host.machine_id, bootId: file.host.boot_id },
    worker: file.worker,
    facts: file.facts,
    resources: file.resources.map(fromRecord),
  };
}

function corrupt(path: string, detail: string): never {
  return fail({
    code: 'DIB_STATE_CORRUPT',
    summary: `${quotedPath(path)} is damaged`,
    detail: `${detail} Without it dib does not know what it made, so it does nothing.`,
    help: `The state before the last run is in ${quotedPath(`${path}.backup`)}: look at it, then copy it over ${quotedPath(path)}. If nothing of the image is left, remove ${quotedPath(path)}.`,
  });
}
