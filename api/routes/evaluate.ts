import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { DEFAULT_NAMESPACE, resourceKey } from '../../domain/resource';
import { assessPolicies } from '../assessment';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';
import { findResource } from '../targets';
import { timeAnswer, toTime, toTimeOrNull } from '../times';

const evidenceAnswer = z.object({
  series: z.string(),
  value: z.number().nullable(),
  ts: timeAnswer.nullable(),
  receivedAt: timeAnswer.nullable(),
  verdict: z.string(),
  test: z.string().optional(),
  reason: z.string().optional(),
});

const answer = z.object({
  resource: z.string(),
  items: z.array(
    z.object({
      policy: z.string(),
      verdict: z.string(),
      since: timeAnswer,
      value: z.number().nullable(),
      forMs: z.number(),
      firesInMs: z.number().nullable().describe('null unless the verdict is true'),
      evidence: z.array(evidenceAnswer),
      explanation: z.string(),
    }),
  ),
});

/** Evaluation on demand, for people who write policies. */
export function evaluateRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.post(
      '/evaluate/:resource',
      {
        schema: {
          tags: ['resources'],
          summary: 'Evaluate every policy on a resource from stored samples; changes nothing',
          params: z.object({ resource: z.string().describe('`name`, or `namespace%2Fname`') }),
          querystring: z.object({ namespace: z.string().default(DEFAULT_NAMESPACE) }),
          response: { 200: answer },
        },
      },
      async ({ params, query }) => {
        const key = params.resource.includes('/')
          ? params.resource
          : resourceKey(query.namespace, params.resource);
        const resource = await findResource(deps, key);
        const assessed = await assessPolicies(deps, resource);
        const items = assessed.map(({ policy, verdict, firesInMs, explanation }) => ({
          policy: policy.key,
          verdict: verdict.verdict,
          since: toTime(verdict.since),
          value: verdict.value,
          forMs: policy.condition.forMs,
          firesInMs,
          evidence: verdict.evidence.map((one) => ({
            ...one,
            ts: toTimeOrNull(one.ts),
            receivedAt: toTimeOrNull(one.receivedAt),
          })),
          explanation,
        }));
        return { resource: resource.resource, items };
      },
    );
  });
}
