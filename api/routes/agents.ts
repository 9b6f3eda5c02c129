import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listHosted, touchAgent, type HostedResource } from '../../storage/resources';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';

const PROCESS_INTERVAL_MS = 2000;
const SHORTEST_INTERVAL_MS = 1000;

const checkAnswer = z.object({
  resource: z.string(),
  kind: z.enum(['http', 'process']),
  endpoint: z.string().optional(),
  intervalMs: z.number(),
  timeoutMs: z.number().optional(),
  tags: z.record(z.string(), z.string()),
});
type Check = z.output<typeof checkAnswer>;

/** What an agent is to check on its host; asking also says that the agent lives. */
export function agentRoutes({ pool, config }: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/agents/:host/checks',
      {
        schema: {
          tags: ['agents'],
          summary: "Checks for a host's agent",
          params: z.object({ host: z.string().min(1).max(253) }),
          response: { 200: z.object({ host: z.string(), items: z.array(checkAnswer) }) },
        },
      },
      async ({ params: { host }, headers }) => {
        await touchAgent(pool, host, versionOf(headers['user-agent']));
        const resources = await listHosted(pool, host, host === config.controlHost);
        return { host, items: resources.flatMap(checksOf) };
      },
    );
  });
}

/** `vigil-agent/0.1.0` → `0.1.0`. */
function versionOf(userAgent: string | undefined): string {
  return /^vigil-agent\/(\S{1,50})/.exec(userAgent ?? '')?.[1] ?? 'unknown';
}

function checksOf({ resource, namespace, service, host, spec }: HostedResource): Check[] {
  // The Service's name and the host: ownership finds the member from the two.
  const tags = { namespace, resource: service, ...(host === null ? {} : { host }) };
  const { healthCheck, runtime } = spec;
  const checks: Check[] = [];
  if (healthCheck !== null) checks.push({ resource, kind: 'http', ...healthCheck, tags });
  // Other runtimes have no process of their own to look at.
  if ((runtime.type as string) === 'process') {
    const intervalMs = healthCheck?.intervalMs ?? PROCESS_INTERVAL_MS;
    checks.push({
      resource,
      kind: 'process',
      intervalMs: Math.max(SHORTEST_INTERVAL_MS, intervalMs),
      tags,
    });
  }
  return checks;
}
