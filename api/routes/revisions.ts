import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { createPatch } from 'rfc6902';
import { z } from 'zod';
import type { ManifestName } from '../../storage/manifests';
import { MANIFEST_KINDS } from '../../language/manifest/kinds';
import { suggest } from '../../language/problem';
import { getVersion, listVersions, type ManifestVersion } from '../../storage/manifests-read';
import {
  changesOf,
  getRevision,
  listRevisions,
  type RevisionRow,
} from '../../storage/revisions-read';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import { notFound } from '../problems';
import { noRevision } from '../rollback';
import { timeAnswer, toTime, toTimeOrNull } from '../times';
import { toVersion, versionAnswer } from '../versions';

const TAGS = ['manifests'];
const MAX_VERSIONS = 1000;
const MAX_CHANGES = 10_000;
/** How many revisions a message names. */
const MAX_NAMED = 10;

const revisionAnswer = z.object({
  revision: z.number(),
  source: z.string(),
  author: z.string(),
  createdAt: timeAnswer,
  commit: z.string().nullable(),
  ref: z.string().nullable(),
  message: z.string().nullable(),
  authoredAt: timeAnswer.nullable(),
  signedBy: z.string().nullable(),
  rolledBackTo: z.number().nullable(),
  reason: z.string().nullable(),
  written: z.number(),
  deleted: z.number(),
});

const byName = z.object({ kind: z.string(), namespace: z.string(), name: z.string() });
const revisionNumber = z.coerce.number().int().min(1);

/** JSON Patch (RFC 6902), with what stood there before. */
const changeAnswer = z.object({
  op: z.enum(['add', 'remove', 'replace']),
  path: z.string(),
  from: z.unknown(),
  to: z.unknown(),
});

/** The history of what should be true: revisions, versions of a manifest, and how two of them differ. */
export function revisionRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/revisions',
      {
        schema: {
          tags: TAGS,
          summary: 'Revisions of the desired state, newest first',
          querystring: z.object({ source: z.string().optional(), ...pageQuery }),
          response: { 200: pageOf(revisionAnswer) },
        },
      },
      async ({ query }) => {
        const before = readCursor(query.cursor, z.int());
        const page = { before, limit: query.limit + 1 };
        const rows = await listRevisions(deps.pool, query.source ?? null, page);
        return toPage(rows, query.limit, { itemOf: toAnswer, placeOf: ({ revision }) => revision });
      },
    );

    app.get(
      '/revisions/:revision',
      {
        schema: {
          tags: TAGS,
          summary: 'One revision, and what it did to each object',
          params: z.object({ revision: revisionNumber }),
          response: {
            200: revisionAnswer.extend({
              changes: z.array(
                byName.extend({
                  change: z.enum(['created', 'updated', 'deleted']),
                  file: z.string().nullable(),
                  line: z.number().nullable(),
                  previous: z.number().nullable(),
                }),
              ),
            }),
          },
        },
      },
      async ({ params: { revision } }) => {
        const row = await getRevision(deps.pool, revision);
        if (row === null) throw await noRevision(deps, revision);
        const changes = await changesOf(deps.pool, revision, { limit: MAX_CHANGES });
        return { ...toAnswer(row), changes };
      },
    );

    app.get(
      '/manifests/:kind/:namespace/:name/versions',
      {
        schema: {
          tags: TAGS,
          summary: 'Every version of a manifest, newest first; of a deleted one, too',
          params: byName,
          response: { 200: z.object({ items: z.array(versionAnswer) }) },
        },
      },
      async ({ params }) => {
        const rows = await listVersions(deps.pool, toName(params), MAX_VERSIONS);
        if (rows.length === 0) throw noManifest(params);
        return { items: rows.map(toVersion) };
      },
    );

    app.get(
      '/manifests/:kind/:namespace/:name/diff',
      {
        schema: {
          tags: TAGS,
          summary: 'How two versions of a manifest differ, field by field',
          params: byName,
          querystring: z.object({ from: revisionNumber, to: revisionNumber }),
          response: {
            200: z.object({ from: z.number(), to: z.number(), changes: z.array(changeAnswer) }),
          },
        },
      },
      async ({ params, query: { from, to } }) => {
        const [before, after] = await Promise.all([
          findVersion(deps, params, from),
          findVersion(deps, params, to),
        ]);
        return { from, to, changes: differences(before.document, after.document) };
      },
    );
  });
}

async function findVersion(
  { pool }: ApiDeps,
  given: z.output<typeof byName>,
  revision: number,
): Promise<ManifestVersion> {
  const version = await getVersion(pool, toName(given), revision);
  if (version !== null) return version;
  const written = await listVersions(pool, toName(given), MAX_NAMED);
  if (written.length === 0) throw noManifest(given);
  const { kind, namespace, name } = given;
  const newest = written.map((row) => row.revision).join(', ');
  throw notFound(
    `revision ${revision} did not write ${kind} ${namespace}/${name}; these did, newest first: ${newest}`,
  );
}

function toName({ kind: given, namespace, name }: z.output<typeof byName>): ManifestName {
  const kind = MANIFEST_KINDS.find((known) => known.toLowerCase() === given.toLowerCase());
  if (kind === undefined) throw noManifest({ kind: given, namespace, name });
  return { kind, namespace, name };
}

function noManifest({ kind, namespace, name }: z.output<typeof byName>): Error {
  const isKnown = MANIFEST_KINDS.some((known) => known.toLowerCase() === kind.toLowerCase());
  const hint = isKnown
    ? ''
    : suggest(kind, MANIFEST_KINDS) || `; kinds: ${MANIFEST_KINDS.join(', ')}`;
  return notFound(`there never was a manifest ${kind} ${namespace}/${name}${hint}`);
}

/** A document that is null was deleted: everything of the other one is added or removed. */
export function differences(before: unknown, after: unknown): z.output<typeof changeAnswer>[] {
  return createPatch(before, after).flatMap((patch) => {
    if (patch.op !== 'add' && patch.op !== 'remove' && patch.op !== 'replace') return [];
    const from = patch.op === 'add' ? null : valueAt(before, patch.path);
    const to = patch.op === 'remove' ? null : (patch.value as unknown);
    return [{ op: patch.op, path: patch.path, from, to }];
  });
}

function valueAt(document: unknown, pointer: string): unknown {
  const steps = pointer.split('/').slice(1);
  return steps.reduce<unknown>((part, step) => {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    return part === null || typeof part !== 'object'
      ? null
      : ((part as Readonly<Record<string, unknown>>)[key] ?? null);
  }, document);
}

function toAnswer(row: RevisionRow): z.output<typeof revisionAnswer> {
  return { ...row, createdAt: toTime(row.createdAt), authoredAt: toTimeOrNull(row.authoredAt) };
}
