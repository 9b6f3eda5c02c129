import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ApiDeps } from '../deps';
import { acceptYaml, exceptBody, MANIFEST_TYPES } from '../manifest-body';
import { plugin } from '../plugin';
import { describePolicy, etagOf, policyDetail, writtenPolicy } from '../policies';
import { createPolicy, deletePolicy, putPolicy, switchPolicy } from '../policy-changes';

const TAGS = ['policies'];

const byName = z.object({ namespace: z.string(), name: z.string() });
const preconditions = z.looseObject({
  'if-match': z.string().optional().describe('the ETag of an earlier answer'),
});

/** For the documentation only: bodies are compiled, with every problem named. */
const policyBody = z
  .looseObject({
    name: z.string().optional().meta({ example: 'high-cpu' }),
    namespace: z.string().optional().meta({ example: 'default' }),
    condition: z.unknown().optional().meta({
      description: 'text, or { type: metric_exceeds | metric_below, metric, threshold, for? }',
      example: 'cpu_usage > 80% for 5m',
    }),
    action: z.string().optional().meta({ example: 'restart' }),
    enabled: z.boolean().optional(),
  })
  .meta({
    description:
      'the fields of a Policy’s spec with name and namespace beside them, or a whole Policy manifest (apiVersion, kind, metadata, spec); as JSON or YAML',
  });

/** Changes of policies; they are manifests of the source named `api`. */
export function policyChangeRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    acceptYaml(app);

    app.post(
      '/policies',
      {
        schema: {
          tags: TAGS,
          summary: 'Create a policy',
          consumes: MANIFEST_TYPES,
          body: policyBody,
          response: { 201: writtenPolicy },
        },
        validatorCompiler: exceptBody,
      },
      async ({ body, actor, id }, reply) => {
        const by = { author: actor, correlationId: id };
        const { place, warnings } = await createPolicy(deps, body, by);
        const policy = await describePolicy(deps, place);
        return reply
          .code(201)
          .headers({ location: locationOf(place), etag: etagOf(policy) })
          .send({ ...policy, warnings });
      },
    );

    app.put(
      '/policies/:namespace/:name',
      {
        schema: {
          tags: TAGS,
          summary: 'Create or replace a policy',
          consumes: MANIFEST_TYPES,
          params: byName,
          headers: preconditions,
          body: policyBody,
          response: { 200: writtenPolicy, 201: writtenPolicy },
        },
        validatorCompiler: exceptBody,
      },
      async ({ params, headers, body, actor, id }, reply) => {
        const replacement = { place: params, body, ifMatch: headers['if-match'] };
        const by = { author: actor, correlationId: id };
        const { isNew, warnings } = await putPolicy(deps, replacement, by);
        const policy = await describePolicy(deps, params);
        if (isNew) reply.header('location', locationOf(params));
        return reply
          .code(isNew ? 201 : 200)
          .header('etag', etagOf(policy))
          .send({ ...policy, warnings });
      },
    );

    app.delete(
      '/policies/:namespace/:name',
      {
        schema: {
          tags: TAGS,
          summary: 'Delete a policy; what it already does is brought to its end',
          params: byName,
          headers: preconditions,
          response: { 200: z.object({ revision: z.number() }) },
        },
      },
      async ({ params, headers, actor, id }) => {
        const which = { place: params, ifMatch: headers['if-match'] };
        const by = { author: actor, correlationId: id };
        return { revision: await deletePolicy(deps, which, by) };
      },
    );

    for (const [verb, isEnabled, summary] of SWITCHES) {
      app.post(
        `/policies/:namespace/:name/${verb}`,
        { schema: { tags: TAGS, summary, params: byName, response: { 200: policyDetail } } },
        async ({ params, actor, id }, reply) => {
          const by = { author: actor, correlationId: id };
          await switchPolicy(deps, { place: params, isEnabled }, by);
          const policy = await describePolicy(deps, params);
          return reply.header('etag', etagOf(policy)).send(policy);
        },
      );
    }
  });
}

const SWITCHES = [
  ['enable', true, 'Take a policy into use again'],
  ['disable', false, 'Take a policy out of use: it stays listed and judges nothing'],
] as const;

function locationOf({ namespace, name }: { namespace: string; name: string }): string {
  return `/api/v1/policies/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
}
