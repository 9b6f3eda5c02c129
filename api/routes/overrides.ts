import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { inTransaction } from '../../storage/database';
import { listOverrides, releaseOverride } from '../../storage/overrides';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';
import { notFound } from '../problems';
import { toResourceKey } from '../targets';
import { timeAnswer, toTime, toTimeOrNull } from '../times';

const TAGS = ['drift'];

const overrideAnswer = z.object({
  resource: z.string(),
  pointer: z.string(),
  value: z.unknown(),
  desired: z.unknown().describe("the manifest's own value"),
  policy: z.string().nullable(),
  actionId: z.string(),
  createdAt: timeAnswer,
  until: timeAnswer.nullable().describe('null: until the manifest says something else'),
});

/** What Vigil's own scaling put in the place of a manifest's value. */
export function overrideRoutes({ pool }: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/overrides',
      {
        schema: {
          tags: TAGS,
          summary: 'What stands instead of the manifests, because an action scaled it',
          querystring: z.object({ resource: z.string().optional() }),
          response: { 200: z.object({ items: z.array(overrideAnswer) }) },
        },
      },
      async ({ query: { resource } }) => {
        const rows = await listOverrides(
          pool,
          resource === undefined ? null : toResourceKey(resource),
        );
        return {
          items: rows.map((row) => ({
            ...row,
            createdAt: toTime(row.createdAt),
            until: toTimeOrNull(row.until),
          })),
        };
      },
    );

    app.delete(
      '/overrides/:namespace/:name',
      {
        schema: {
          tags: TAGS,
          summary: "End one: the manifest's value is desired again",
          params: z.object({ namespace: z.string(), name: z.string() }),
          querystring: z.object({ pointer: z.string().default('/replicas') }),
          response: { 200: z.object({ resource: z.string(), pointer: z.string() }) },
        },
      },
      async ({ params, query: { pointer }, actor }) => {
        const resource = `${params.namespace}/${params.name}`;
        const isReleased = await inTransaction(pool, (db) =>
          releaseOverride(db, { resource, pointer, actor }),
        );
        if (!isReleased) throw notFound(`${resource} has no override of ${pointer}`);
        return { resource, pointer };
      },
    );
  });
}
