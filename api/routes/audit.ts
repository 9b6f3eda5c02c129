import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { DEFAULT_NAMESPACE } from '../../domain/resource';
import { duration } from '../../platform/config-sections';
import { listAudit } from '../../storage/audit-read';
import { listChains, pruneChain } from '../../storage/audit-retention';
import { replayActions } from '../../storage/audit-replay';
import { exportChain, verifyNamespace } from '../audit-chain';
import { auditAnswer, toAuditAnswer } from '../answers';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import { toResourceKey } from '../targets';

const TAGS = ['audit'];

const verifyAnswer = z.object({
  ok: z.boolean(),
  namespace: z.string(),
  rows: z.number().describe('sealed rows that hold'),
  firstBroken: z.number().nullable().describe('number of the first row that does not'),
  from: z
    .number()
    .describe('number before the first row that is still there; 0 unless rows were dropped'),
});

const pruneBody = z.strictObject({
  namespace: z.string().default(DEFAULT_NAMESPACE),
  olderThan: duration.describe('`90d`, or milliseconds'),
});

const replayAnswer = z.object({
  told: z.number().describe('actions that the audit trail tells from their beginning'),
  missing: z.array(z.string()).describe('ids that the projection lacked'),
  changed: z.array(z.object({ id: z.string(), fields: z.array(z.string()) })),
});

/** The audit trail, and the proof that nobody changed it. */
export function auditRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/audit',
      {
        schema: {
          tags: TAGS,
          summary: 'Audit rows, newest first',
          querystring: z.object({
            resource: z.string().optional(),
            action: z.uuid().optional(),
            namespace: z.string().optional(),
            ...pageQuery,
          }),
          response: { 200: pageOf(auditAnswer) },
        },
      },
      async ({ query }) => {
        const filter = {
          resource: query.resource === undefined ? null : toResourceKey(query.resource),
          action: query.action ?? null,
          namespace: query.namespace ?? null,
        };
        const before = readCursor(query.cursor, z.int());
        const rows = await listAudit(deps.pool, filter, { before, limit: query.limit + 1 });
        return toPage(rows, query.limit, { itemOf: toAuditAnswer, placeOf: (row) => row.id });
      },
    );

    app.get(
      '/audit/verify',
      {
        schema: {
          tags: TAGS,
          summary: "Check a namespace's hash chain from its first row",
          querystring: z.object({ namespace: z.string().default(DEFAULT_NAMESPACE) }),
          response: { 200: verifyAnswer },
        },
      },
      async ({ query }) => verifyNamespace(deps.pool, query.namespace),
    );

    app.get(
      '/audit/export',
      {
        schema: {
          tags: TAGS,
          summary: 'Sealed rows with their hashes as NDJSON, in the order of the chains',
          querystring: z.object({
            namespace: z.string().optional().describe('default: all'),
            after: z.coerce
              .number()
              .int()
              .min(0)
              .default(0)
              .describe('only rows with a number above'),
          }),
          produces: ['application/x-ndjson'],
        },
      },
      async ({ query }, reply) => {
        const chains =
          query.namespace === undefined ? await listChains(deps.pool) : [query.namespace];
        const lines = exportChain(deps.pool, chains, query.after);
        return reply.type('application/x-ndjson').send(Readable.from(lines));
      },
    );

    app.post(
      '/audit/prune',
      {
        schema: {
          tags: TAGS,
          summary:
            "Drop a chain's old rows behind a checkpoint, from which it can still be verified",
          body: pruneBody,
          response: { 200: z.object({ dropped: z.number(), checkpoint: z.number().nullable() }) },
        },
      },
      async ({ body, actor }) => {
        const before = deps.now() - body.olderThan;
        const pruned = await pruneChain(deps.pool, { namespace: body.namespace, before, actor });
        return { dropped: pruned?.dropped ?? 0, checkpoint: pruned?.checkpoint.number ?? null };
      },
    );

    app.post(
      '/audit/replay',
      {
        schema: {
          tags: TAGS,
          summary: 'Tell the list of actions anew from the audit trail',
          body: z.strictObject({ dryRun: z.boolean().default(false) }),
          response: { 200: replayAnswer },
        },
      },
      async ({ body }) => replayActions(deps.pool, { isDryRun: body.dryRun }),
    );
  });
}
