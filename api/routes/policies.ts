import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { resourceKey } from '../../domain/resource';
import { getVersion } from '../../storage/manifests-read';
import { getCompiled, listPolicies } from '../../storage/policies';
import { askReload } from '../../storage/reload';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import {
  describePolicy,
  etagOf,
  manifestOf,
  policyAnswer,
  policyDetail,
  toPolicyAnswer,
  toVersionAnswer,
  versionAnswer,
} from '../policies';
import { notFound } from '../problems';

const TAGS = ['policies'];

const byName = z.object({ namespace: z.string(), name: z.string() });
const byRevision = byName.extend({ revision: z.coerce.number().int().min(0) });

const revisionAnswer = versionAnswer.extend({
  policy: z.string(),
  file: z.string().nullable(),
  line: z.number().nullable(),
  manifest: z.unknown().describe('as written; null: deleted by this revision'),
  document: z.unknown().describe('as compiled; null: there was no such policy'),
});

/** Policies in force, those that Services imply included, and every revision of them. */
export function policyRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  const { pool } = deps;
  return plugin((app) => {
    app.get(
      '/policies',
      {
        schema: {
          tags: TAGS,
          summary: 'Policies in force',
          querystring: z.object({
            namespace: z.string().optional(),
            source: z.string().optional().describe('`api`, or `folder:<path>`'),
            ...pageQuery,
          }),
          response: { 200: pageOf(policyAnswer) },
        },
      },
      async ({ query: { cursor, limit, namespace = null, source = null } }) => {
        const after = readCursor(cursor, z.string());
        const rows = await listPolicies(pool, { namespace, source }, { after, limit: limit + 1 });
        return toPage(rows, limit, { itemOf: toPolicyAnswer, placeOf: (row) => row.policy });
      },
    );

    app.get(
      '/policies/:namespace/:name',
      {
        schema: {
          tags: TAGS,
          summary: 'One policy as written and as compiled, with its revisions',
          params: byName,
          response: { 200: policyDetail },
        },
      },
      async ({ params }, reply) => {
        const policy = await describePolicy(deps, params);
        return reply.header('etag', etagOf(policy)).send(policy);
      },
    );

    app.get(
      '/policies/:namespace/:name/revisions/:revision',
      {
        schema: {
          tags: TAGS,
          summary: 'A policy as one revision made it, also when it is gone',
          params: byRevision,
          response: { 200: revisionAnswer },
        },
      },
      async ({ params }) => {
        const policy = resourceKey(params.namespace, params.name);
        const version = await getVersion(pool, manifestOf(params), params.revision);
        if (version === null) {
          throw notFound(`revision ${params.revision} did not touch policy ${policy}`);
        }
        const { file, line, document: manifest } = version;
        const document = version.isDeleted
          ? null
          : await getCompiled(pool, policy, params.revision);
        return { policy, ...toVersionAnswer(version), file, line, manifest, document };
      },
    );

    app.post(
      '/policies/reload',
      {
        schema: {
          tags: TAGS,
          summary: 'Read the policies again now: detector, workers, and the sources of gitops',
          response: {
            202: z.object({
              revision: z.number().describe('the newest; 0: there is none'),
              policies: z.number().describe('in force and not disabled'),
            }),
          },
        },
      },
      async (_request, reply) => reply.code(202).send(await askReload(pool)),
    );
  });
}
