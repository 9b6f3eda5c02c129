import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { queueStats } from '../../storage/queue-stats';
import type { ApiDeps } from '../deps';

const answer = z.object({
  outbox: z.object({ pending: z.number(), oldestSeconds: z.number().nullable() }),
  requests: z.object({ awaitingApproval: z.number(), open: z.number(), granted: z.number() }),
  slots: z.number(),
  samplesBuffered: z.number(),
});

export function queueRoutes({ pool, samples }: ApiDeps): FastifyPluginAsyncZod {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/queue/stats',
      schema: {
        tags: ['operation'],
        summary: 'What waits: messages, requests, slots, samples',
        response: { 200: answer },
      },
      handler: async () => ({ ...(await queueStats(pool)), samplesBuffered: samples.buffered() }),
    });
  };
}
