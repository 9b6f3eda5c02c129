import { resourceKey, type ResourceName } from '../domain/resource';
import { belongsTo, type ManifestObject } from '../storage/manifests';
import { getPolicy, type PolicyRow } from '../storage/policies';
import { apply, tryApply, type Change } from './apply';
import type { ApiDeps } from './deps';
import { API_SOURCE, compilePolicyBody, type Warnings } from './manifest-body';
import { refuseUnknownVerbs } from './own-verbs';
import { assertWritten, findPolicy } from './policies';
import { conflict, HttpProblem, unprocessable } from './problems';

/** Who asks, for audit rows. */
export type By = Pick<Change, 'author' | 'correlationId'>;

const TRIES = 5;

/** Makes a policy that is not there yet; 409 when it is, whoever owns it. */
export async function createPolicy(
  deps: ApiDeps,
  body: unknown,
  by: By,
): Promise<{ place: ResourceName; warnings: Warnings }> {
  const { object, warnings } = compilePolicyBody(body, { policy: {}, ...keptBy(deps) });
  await refuseUnknownVerbs(deps, object);
  const { kind, namespace, name } = object;
  const expected = { kind, namespace, name, revision: null };
  const result = await tryApply(deps, { ...by, objects: [object], deletions: [], expected });
  if (result.kind === 'refused') {
    throw conflict(
      `policy ${resourceKey(namespace, name)} is there already: PUT /api/v1/policies/${namespace}/${name} replaces it`,
    );
  }
  return { place: { namespace, name }, warnings };
}

/** How long a policy can look back. */
function keptBy({ config }: ApiDeps): { retentionMs: number } {
  return { retentionMs: config.retention };
}

export interface Replacement {
  place: ResourceName;
  body: unknown;
  /** The header as it was sent. */
  ifMatch: string | undefined;
}

/** Makes the policy, or replaces it; answers whether it is new. 412 when it is not as If-Match says. */
export async function putPolicy(
  deps: ApiDeps,
  { place, body, ifMatch }: Replacement,
  by: By,
): Promise<{ isNew: boolean; warnings: Warnings }> {
  const row = await getPolicy(deps.pool, resourceKey(place.namespace, place.name));
  if (row !== null) assertWritten(row);
  const { object, warnings } = compilePolicyBody(body, { policy: place, ...keptBy(deps) });
  await refuseUnknownVerbs(deps, object);
  const { changed } = await changeOne(
    deps,
    { ...by, objects: [object], deletions: [] },
    {
      place,
      ifMatch,
    },
  );
  return { isNew: changed.some(({ change }) => change === 'created'), warnings };
}

/** Stops judging by it; its history stays. Answers the revision. */
export async function deletePolicy(
  deps: ApiDeps,
  { place, ifMatch }: Pick<Replacement, 'place' | 'ifMatch'>,
  by: By,
): Promise<number> {
  const row = await findPolicy(deps, place);
  assertWritten(row);
  const deletions = [{ kind: 'Policy' as const, ...place }];
  const { revision } = await changeOne(deps, { ...by, objects: [], deletions }, { place, ifMatch });
  // Somebody else was faster: it is gone all the same.
  return revision ?? row.manifestRevision ?? 0;
}

async function changeOne(
  deps: ApiDeps,
  change: Change,
  { place, ifMatch }: Pick<Replacement, 'place' | 'ifMatch'>,
): Promise<Awaited<ReturnType<typeof apply>>> {
  if (ifMatch === undefined) return apply(deps, change);
  const revision = readIfMatch(ifMatch);
  const expected = { kind: 'Policy' as const, ...place, revision };
  const result = await tryApply(deps, { ...change, expected });
  if (result.kind === 'applied') return result;
  const [problem] = result.problems;
  throw new HttpProblem(412, `${problem?.message ?? 'it was changed'}, not at ${revision}`);
}

/** The revision in an ETag of ours. */
function readIfMatch(header: string): number {
  const match = /^"(\d{1,15})"$/.exec(header.trim());
  if (match !== null) return Number(match[1]);
  throw unprocessable('the precondition is not understood', [
    { field: 'If-Match', message: 'must be the ETag of an earlier answer, such as "12"' },
  ]);
}

/** Takes a policy of the API into use or out of it; nothing happens when it is so already. */
export async function switchPolicy(
  deps: ApiDeps,
  { place, isEnabled }: { place: ResourceName; isEnabled: boolean },
  by: By,
): Promise<void> {
  for (let i = 0; i < TRIES; i++) {
    const row = await findPolicy(deps, place);
    assertWritten(row);
    assertOurs(row, place);
    if ((row.document.enabled ?? true) === isEnabled) return;
    const object = switched(row.manifest, place, isEnabled);
    const expected = { kind: 'Policy' as const, ...place, revision: row.manifestRevision };
    const result = await tryApply(deps, { ...by, objects: [object], deletions: [], expected });
    if (result.kind === 'applied') return;
  }
  throw conflict(`policy ${resourceKey(place.namespace, place.name)} keeps being changed`);
}

/** 409 for a policy that was not made through the API. */
function assertOurs({ source, file, line }: PolicyRow, place: ResourceName): void {
  if (source === API_SOURCE) return;
  throw conflict(belongsTo({ kind: 'Policy', ...place, source: source ?? 'none', file, line }));
}

function switched(manifest: unknown, place: ResourceName, isEnabled: boolean): ManifestObject {
  const document = manifest as { spec: Record<string, unknown> };
  const spec: Record<string, unknown> = { ...document.spec, enabled: false };
  if (isEnabled) delete spec['enabled'];
  return compilePolicyBody({ ...document, spec }, { policy: place }).object;
}
