import { z } from 'zod';
import { resourceKey, type ResourceName } from '../domain/resource';
import type { ManifestName } from '../storage/manifests';
import { listVersions, type ManifestVersionRow } from '../storage/manifests-read';
import { getPolicy, type PolicyDetailRow, type PolicyRow } from '../storage/policies';
import type { ApiDeps } from './deps';
import { warningsAnswer } from './manifest-body';
import { conflict, notFound, type HttpProblem } from './problems';
import { timeAnswer, toTime } from './times';

/** Policies as the API shows them, and the answers for what cannot be found or changed. */

const VERSIONS = 100;

export const policyAnswer = z.object({
  policy: z.string(),
  enabled: z.boolean(),
  severity: z.string(),
  condition: z.string().describe('as written'),
  revision: z.number().describe('the newest that changed what it says; actions are bound to it'),
  manifestRevision: z
    .number()
    .nullable()
    .describe('the newest that touched its manifest; also the ETag'),
  impliedBy: z.string().nullable().describe('the Service whose manifest implies it'),
  source: z.string().nullable(),
  file: z.string().nullable(),
  line: z.number().nullable(),
  document: z.unknown().describe('as compiled: every default filled in, durations in ms'),
});

export const versionAnswer = z.object({
  revision: z.number(),
  at: timeAnswer,
  author: z.string(),
  source: z.string(),
  deleted: z.boolean(),
});

export const policyDetail = policyAnswer.extend({
  manifest: z.unknown().describe('as written; of an implied one, its Service'),
  revisions: z.array(versionAnswer).describe('of its manifest, newest first'),
});

/** Of a policy that was just written. */
export const writtenPolicy = policyDetail.extend({ warnings: warningsAnswer });

export function toPolicyAnswer(row: PolicyRow): z.output<typeof policyAnswer> {
  const { document, ...rest } = row;
  const { severity, condition, enabled = true } = document;
  return { ...rest, enabled, severity, condition: condition.text, document };
}

export function toVersionAnswer(row: ManifestVersionRow): z.output<typeof versionAnswer> {
  const { revision, createdAt, author, source, isDeleted } = row;
  return { revision, at: toTime(createdAt), author, source, deleted: isDeleted };
}

/** The policy, or 404. */
export async function findPolicy({ pool }: ApiDeps, place: ResourceName): Promise<PolicyDetailRow> {
  const row = await getPolicy(pool, resourceKey(place.namespace, place.name));
  if (row === null) throw unknownPolicy(place);
  return row;
}

export function unknownPolicy({ namespace, name }: ResourceName): HttpProblem {
  return notFound(`there is no policy ${resourceKey(namespace, name)}`);
}

/** 409 for a policy that only its Service's manifest can change. */
export function assertWritten(row: PolicyRow): void {
  if (row.impliedBy === null) return;
  const place = row.file === null ? '' : ` (${row.file}:${row.line ?? 1})`;
  throw conflict(
    `policy ${row.policy} is implied by Service ${row.impliedBy}${place}: change that manifest`,
    { impliedBy: row.impliedBy },
  );
}

/** The manifest that a policy comes from: its own, or for `web:sync` that of Service `web`. */
export function manifestOf({ namespace, name }: ResourceName): ManifestName {
  const [service = '', implied] = name.split(':');
  return implied === undefined
    ? { kind: 'Policy', namespace, name }
    : { kind: 'Service', namespace, name: service };
}

/** The policy with its manifest and its history, or 404. */
export async function describePolicy(
  deps: ApiDeps,
  place: ResourceName,
): Promise<z.output<typeof policyDetail>> {
  const row = await findPolicy(deps, place);
  const versions = await listVersions(deps.pool, manifestOf(place), VERSIONS);
  return {
    ...toPolicyAnswer(row),
    manifest: row.manifest,
    revisions: versions.map(toVersionAnswer),
  };
}

/** The header that a later If-Match repeats. */
export function etagOf({ manifestRevision }: { manifestRevision: number | null }): string {
  return `"${manifestRevision ?? 0}"`;
}
