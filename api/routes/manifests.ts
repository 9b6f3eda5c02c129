import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { MANIFEST_KINDS } from '../../language/manifest/kinds';
import { sourceStatus, type ManifestName } from '../../storage/manifests';
import {
  getManifest,
  listManifests,
  listVersions,
  type ManifestRow,
} from '../../storage/manifests-read';
import { apply, type Change } from '../apply';
import type { ApiDeps } from '../deps';
import {
  acceptYaml,
  API_SOURCE,
  compileBody,
  MANIFEST_TYPES,
  warningsAnswer,
} from '../manifest-body';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import { notFound } from '../problems';
import { judgeTogether } from '../together';
import { toVersion, versionAnswer } from '../versions';

const TAGS = ['manifests'];
const VERSIONS = 100;

const manifestAnswer = z.object({
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  source: z.string(),
  revision: z.number(),
  file: z.string().nullable(),
  line: z.number().nullable(),
  checksum: z.string(),
  document: z.unknown(),
});

const detailAnswer = manifestAnswer.extend({ versions: z.array(versionAnswer) });

const appliedAnswer = z.object({
  revision: z.number().describe('the newest of source `api`, also when nothing changed'),
  changed: z.array(
    z.object({ kind: z.string(), namespace: z.string(), name: z.string(), change: z.string() }),
  ),
  unchanged: z.number(),
});

const byName = z.object({ kind: z.string(), namespace: z.string(), name: z.string() });

/** Manifests in force, from every source; changes through here are the source named `api`. */
export function manifestRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    acceptYaml(app);

    app.get(
      '/manifests',
      {
        schema: {
          tags: TAGS,
          summary: 'Manifests in force',
          querystring: z.object({
            source: z.string().optional(),
            kind: z.enum(MANIFEST_KINDS).optional(),
            namespace: z.string().optional(),
            ...pageQuery,
          }),
          response: { 200: pageOf(manifestAnswer) },
        },
      },
      async ({ query }) => {
        const filter = {
          source: query.source ?? null,
          kind: query.kind ?? null,
          namespace: query.namespace ?? null,
        };
        const after = readCursor(query.cursor, z.tuple([z.string(), z.string(), z.string()]));
        const rows = await listManifests(deps.pool, filter, { after, limit: query.limit + 1 });
        return toPage(rows, query.limit, {
          itemOf: (row) => row,
          placeOf: ({ kind, namespace, name }) => [kind, namespace, name],
        });
      },
    );

    app.get(
      '/manifests/:kind/:namespace/:name',
      {
        schema: {
          tags: TAGS,
          summary: 'One manifest with its revisions',
          params: byName,
          response: { 200: detailAnswer },
        },
      },
      async ({ params }) => {
        const row = await findManifest(deps, params);
        const versions = await listVersions(deps.pool, row, VERSIONS);
        return { ...row, versions: versions.map(toVersion) };
      },
    );

    app.put(
      '/manifests',
      {
        schema: {
          tags: TAGS,
          summary: 'Apply one manifest or an array of them, as JSON or YAML; all or nothing',
          consumes: MANIFEST_TYPES,
          body: z.unknown(),
          response: { 200: appliedAnswer.extend({ warnings: warningsAnswer }) },
        },
      },
      async ({ body, actor, id }) => {
        const options = { retentionMs: deps.config.retention };
        const { objects, warnings } = compileBody(body, options);
        warnings.push(...(await judgeTogether(deps, objects)));
        const change = { objects, deletions: [], author: actor, correlationId: id };
        return { ...(await applyAll(deps, change)), warnings };
      },
    );

    app.delete(
      '/manifests/:kind/:namespace/:name',
      {
        schema: {
          tags: TAGS,
          summary: 'Stop managing; the workload itself is left alone',
          params: byName,
          response: { 200: z.object({ revision: z.number() }) },
        },
      },
      async ({ params, actor, id }) => {
        const { kind, namespace, name } = await findManifest(deps, params);
        const deletions = [{ kind, namespace, name }];
        const { revision } = await applyAll(deps, {
          objects: [],
          deletions,
          author: actor,
          correlationId: id,
        });
        return { revision };
      },
    );
  });
}

async function findManifest(
  { pool }: ApiDeps,
  { kind: given, namespace, name }: z.output<typeof byName>,
): Promise<ManifestRow> {
  const kind = MANIFEST_KINDS.find((known) => known.toLowerCase() === given.toLowerCase());
  const id: ManifestName | null = kind === undefined ? null : { kind, namespace, name };
  const row = id === null ? null : await getManifest(pool, id);
  if (row === null) throw notFound(`there is no manifest ${given} ${namespace}/${name}`);
  return row;
}

async function applyAll(deps: ApiDeps, change: Change): Promise<z.output<typeof appliedAnswer>> {
  const result = await apply(deps, change);
  const revision = result.revision ?? (await sourceStatus(deps.pool, API_SOURCE)).revision ?? 0;
  return { revision, changed: result.changed, unchanged: result.unchanged };
}
