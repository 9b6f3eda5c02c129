import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { DEFAULT_NAMESPACE, resourceKey } from '../../domain/resource';
import { judgementFields, toJudgementAnswer } from '../answers';
import { assessPolicies } from '../assessment';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';
import { findResource } from '../targets';

const answer = z.object({
  resource: z.string(),
  items: z.array(
    z.object({
      policy: z.string(),
      ...judgementFields,
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
        const items = assessed.map(({ policy, ...judgement }) => ({
          policy: policy.key,
          ...toJudgementAnswer(policy.condition, judgement),
        }));
        return { resource: resource.resource, items };
      },
    );
  });
}
