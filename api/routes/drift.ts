import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listDrift } from '../../storage/drift-read';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import { toResourceKey } from '../targets';
import { timeAnswer, toTime, toTimeOrNull } from '../times';

const driftAnswer = z.object({
  id: z.number(),
  resource: z.string(),
  pointer: z.string(),
  kind: z.string(),
  desired: z.unknown(),
  observed: z.unknown(),
  onset: timeAnswer,
  resolvedAt: timeAnswer.nullable(),
  revision: z.number(),
});

/** Drift: how what is observed differs, or differed, from what is desired. */
export function driftRoutes({ pool }: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/drift',
      {
        schema: {
          tags: ['drift'],
          summary: 'Differences between desired and observed, newest first',
          querystring: z.object({
            resource: z.string().optional(),
            resolved: z.enum(['true', 'false']).optional(),
            ...pageQuery,
          }),
          response: { 200: pageOf(driftAnswer) },
        },
      },
      async ({ query }) => {
        const filter = {
          resource: query.resource === undefined ? null : toResourceKey(query.resource),
          isResolved: query.resolved === undefined ? null : query.resolved === 'true',
        };
        const before = readCursor(query.cursor, z.int());
        const rows = await listDrift(pool, filter, { before, limit: query.limit + 1 });
        return toPage(rows, query.limit, {
          itemOf: (row) => ({
            ...row,
            onset: toTime(row.onset),
            resolvedAt: toTimeOrNull(row.resolvedAt),
          }),
          placeOf: (row) => row.id,
        });
      },
    );
  });
}
