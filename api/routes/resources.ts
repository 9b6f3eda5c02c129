import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { resourceKey } from '../../domain/resource';
import { getServiceDocument, listResources, type ResourceRow } from '../../storage/resources';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import { findResource } from '../targets';
import { timeAnswer, toTime } from '../times';

const TAGS = ['resources'];

const resourceAnswer = z.object({
  resource: z.string(),
  namespace: z.string(),
  name: z.string(),
  service: z.string(),
  host: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  managed: z.boolean().describe('false: no manifest, only observed through its series'),
  revision: z.number(),
  paused: z.boolean(),
  runtime: z.string().nullable(),
  observed: z
    .object({ isRunning: z.boolean(), identity: z.string().nullable(), observedAt: timeAnswer })
    .nullable(),
  driftCount: z.number(),
  policies: z.array(
    z.object({ policy: z.string(), verdict: z.string(), since: timeAnswer, severity: z.string() }),
  ),
});

/** Resources: what is kept healthy, and what is only observed. */
export function resourceRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/resources',
      {
        schema: {
          tags: TAGS,
          summary: 'Resources by name',
          querystring: z.object(pageQuery),
          response: { 200: pageOf(resourceAnswer) },
        },
      },
      async ({ query: { cursor, limit } }) => {
        const after = readCursor(cursor, z.string());
        const rows = await listResources(deps.pool, deps.now(), { after, limit: limit + 1 });
        return toPage(rows, limit, { itemOf: toAnswer, placeOf: (row) => row.resource });
      },
    );

    app.get(
      '/resources/:namespace/:name',
      {
        schema: {
          tags: TAGS,
          summary: 'One resource with the manifest it comes from',
          params: z.object({ namespace: z.string(), name: z.string() }),
          response: { 200: resourceAnswer.extend({ manifest: z.unknown() }) },
        },
      },
      async ({ params: { namespace, name } }) => {
        const row = await findResource(deps, resourceKey(namespace, name));
        const manifest =
          row.spec === null ? null : await getServiceDocument(deps.pool, namespace, row.service);
        return { ...toAnswer(row), manifest };
      },
    );
  });
}

function toAnswer(row: ResourceRow): z.output<typeof resourceAnswer> {
  const { observed, policies } = row;
  return {
    resource: row.resource,
    namespace: row.namespace,
    name: row.name,
    service: row.service,
    host: row.host,
    labels: row.labels,
    managed: row.spec !== null,
    revision: row.revision,
    paused: row.isPaused,
    runtime: row.spec?.runtime.type ?? null,
    observed: observed && { ...observed, observedAt: toTime(observed.observedAt) },
    driftCount: row.driftCount,
    policies: policies.map((one) => ({ ...one, since: toTime(one.since) })),
  };
}
