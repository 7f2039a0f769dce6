import type { Attachment, Found, KeyDocument, Outputs, RecordedResource } from '../kinds/kind.ts';
import type { Facts } from '../plan/plan.ts';
import { jsonDigest } from '../util/hash.ts';
import { canonicalJson, type JsonObject } from '../util/json.ts';
import { findResource, type State } from './state.ts';

/** What is written before a resource is made. */
export interface Intent {
  readonly address: string;
  readonly kind: string;
  readonly name: string;
  readonly inputs: JsonObject;
  /** Empty while an input is not known. */
  readonly key: string;
  readonly keyDocument: KeyDocument;
  readonly dependsOn: readonly string[];
}

/** Before create. The outputs of a record that is replaced in place stay until the new ones are known. */
export function recordIntent(state: State, intent: Intent): State {
  const outputs = findResource(state, intent.address)?.outputs ?? {};
  return put(state, { ...intent, status: 'creating', outputs });
}

/** What `intend` gives: found again after a crash. Goes to the attachment while one is being made or undone. */
export function recordMarker(state: State, address: string, marker: JsonObject): State {
  return edit(state, address, (resource) => {
    const { attachment } = resource;
    if (attachment === undefined || attachment.status === 'attached')
      return { ...resource, marker: { ...resource.marker, ...marker } };
    return { ...resource, attachment: { ...attachment, marker: { ...attachment.marker, ...marker } } };
  });
}

/** After create. */
export function recordCreated(state: State, intent: Intent, outputs: Outputs): State {
  const marker = findResource(state, intent.address)?.marker;
  return put(state, { ...intent, status: 'created', outputs, ...(marker === undefined ? {} : { marker }) });
}

/** Create failed half-way. */
export function recordTainted(state: State, address: string): State {
  return edit(state, address, (resource) => ({ ...resource, status: 'tainted' }));
}

/** Before destroy. */
export function recordDestroying(state: State, address: string): State {
  return edit(state, address, (resource) => ({ ...resource, status: 'destroying' }));
}

/** After destroy, or to forget. */
export function removeResource(state: State, address: string): State {
  return { ...state, resources: state.resources.filter((resource) => resource.address !== address) };
}

/** Before attach. */
export function recordAttaching(state: State, address: string, bootId: string, readOnly = false): State {
  const attachment = { status: 'attaching' as const, bootId, ...(readOnly ? { readOnly } : {}), outputs: {} };
  return edit(state, address, (resource) => ({ ...resource, attachment }));
}

/** After attach. */
export function recordAttached(state: State, address: string, outputs: Outputs): State {
  return editAttachment(state, address, (attachment) => ({ ...attachment, status: 'attached', outputs }));
}

/** Before detach. */
export function recordDetaching(state: State, address: string): State {
  return editAttachment(state, address, (attachment) => ({ ...attachment, status: 'detaching' }));
}

/** After detach, or when the host was booted since. */
export function recordDetached(state: State, address: string): State {
  return edit(state, address, ({ attachment: _, ...resource }) => resource);
}

/** After the last action of a run, for what it finished. */
export function recordStamp(state: State, address: string, stamp: JsonObject): State {
  return edit(state, address, (resource) => ({ ...resource, stamp }));
}

/** Before the first action that may write to it. */
export function removeStamp(state: State, address: string): State {
  return edit(state, address, ({ stamp: _, ...resource }) => resource);
}

/** What is there in place of what was recorded: the inputs are those that would have given it, so that the next plan compares with them. */
export function recordFound(state: State, address: string, found: Found): State {
  return edit(state, address, (resource) => {
    const inputs = overlaid(resource.inputs, found.outputs ?? {});
    const keyDocument = { ...resource.keyDocument, inputs };
    const same = canonicalJson(inputs) === canonicalJson(resource.inputs);
    return {
      ...resource,
      outputs: { ...resource.outputs, ...found.outputs },
      ...(same ? {} : { inputs, keyDocument, key: jsonDigest(keyDocument) }),
      ...(found.stamp === undefined ? {} : { stamp: found.stamp }),
    };
  });
}

/** The members of `base`, with the values that `over` has for them. */
function overlaid(base: JsonObject, over: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(base).map(([name, value]) => [name, name in over ? over[name] : value]));
}

/** Facts that a resource gave; others stay. */
export function setFacts(state: State, facts: Facts): State {
  const devices = facts.devices && { devices: { ...state.facts.devices, ...facts.devices } };
  const sources = facts.sources && { sources: { ...state.facts.sources, ...facts.sources } };
  return { ...state, facts: { ...state.facts, ...facts, ...devices, ...sources } };
}

function edit(state: State, address: string, change: (resource: RecordedResource) => RecordedResource): State {
  const resource = findResource(state, address);
  if (resource === undefined) throw new Error(`the state has no ${address}`);
  return put(state, change(resource));
}

function editAttachment(state: State, address: string, change: (attachment: Attachment) => Attachment): State {
  return edit(state, address, (resource) => {
    if (resource.attachment === undefined) throw new Error(`${address} is not attached`);
    return { ...resource, attachment: change(resource.attachment) };
  });
}

function put(state: State, resource: RecordedResource): State {
  const others = state.resources.filter((other) => other.address !== resource.address);
  return { ...state, resources: [...others, resource].sort((a, b) => (a.address < b.address ? -1 : 1)) };
}
