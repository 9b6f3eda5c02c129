import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ApiDeps } from '../deps';
import { createHealthCheck } from '../health';

const dependency = z.object({
  status: z.enum(['ok', 'down', 'absent']),
  detail: z.string().optional(),
});
const answer = z.object({
  status: z.enum(['ok', 'degraded', 'down']),
  dependencies: z.object({ postgres: dependency, temporal: dependency, redis: dependency }),
  version: z.string(),
});

/** `/health` and `/metrics`, without a prefix. */
export function healthRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  const checkHealth = createHealthCheck(deps);
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/health',
      // A checker must not be told "too many requests" because of someone else behind its address.
      config: { rateLimit: false },
      schema: {
        tags: ['operation'],
        summary: 'Each dependency by name; degraded is not down',
        response: { 200: answer, 503: answer },
      },
      handler: async (_request, reply) => {
        const health = await checkHealth();
        reply.code(health.status === 'down' ? 503 : 200);
        return health;
      },
    });

    app.route({
      method: 'GET',
      url: '/metrics',
      config: { rateLimit: false },
      schema: { tags: ['operation'], summary: 'Figures in the Prometheus text format' },
      handler: async (_request, reply) => {
        reply.type(deps.registry.contentType);
        return deps.registry.metrics();
      },
    });
  };
}
