import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listPolicies } from '../../storage/policies';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';

const policyAnswer = z.object({
  policy: z.string(),
  revision: z.number(),
  impliedBy: z.string().nullable(),
  source: z.string().nullable(),
  file: z.string().nullable(),
  document: z.unknown().describe('as compiled: every default filled in, durations in ms'),
});

/** Policies in force, those that Services imply included. */
export function policyRoutes({ pool }: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/policies',
      {
        schema: {
          tags: ['policies'],
          summary: 'Policies in force',
          querystring: z.object(pageQuery),
          response: { 200: pageOf(policyAnswer) },
        },
      },
      async ({ query: { cursor, limit } }) => {
        const after = readCursor(cursor, z.string());
        const rows = await listPolicies(pool, { after, limit: limit + 1 });
        return toPage(rows, limit, { itemOf: (row) => row, placeOf: (row) => row.policy });
      },
    );
  });
}
