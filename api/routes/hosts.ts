import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listObserved } from '../../storage/states';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';

const hostedAnswer = z.object({
  resource: z.string(),
  namespace: z.string(),
  name: z.string(),
  service: z.string().describe('`namespace/name` of the Service that it belongs to'),
  spec: z.record(z.string(), z.unknown()).describe('compiled; secrets stay references'),
  revision: z.number().describe('to be sent with the state that is reported'),
  createdRevision: z.number(),
  overrides: z.array(
    z.object({
      pointer: z.string(),
      value: z.unknown(),
      policy: z.string().nullable(),
      until: z.number().nullable().describe('epoch milliseconds'),
    }),
  ),
});

/** What the worker of another host needs to look at its members without a database. */
export function hostRoutes({ pool }: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/hosts/:host/resources',
      {
        schema: {
          tags: ['agents'],
          summary: 'What runs on a host, as its worker needs it to look at it',
          params: z.object({ host: z.string().min(1).max(253) }),
          response: { 200: z.object({ host: z.string(), items: z.array(hostedAnswer) }) },
        },
      },
      async ({ params: { host } }) => {
        const rows = await listObserved(pool, host);
        return {
          host,
          items: rows.map(({ spec, overrides = [], ...row }) => ({
            ...row,
            spec: { ...spec },
            overrides,
          })),
        };
      },
    );
  });
}
