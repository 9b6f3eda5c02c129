import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { DEFAULT_NAMESPACE } from '../../domain/resource';
import { listAudit } from '../../storage/audit-read';
import { GENESIS_HASH, loadChain, verifyChain, type ChainLink } from '../../storage/seals';
import { auditAnswer, toAuditAnswer } from '../answers';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import { toResourceKey } from '../targets';

const TAGS = ['audit'];
const CHAIN_BATCH = 1000;

const verifyAnswer = z.object({
  ok: z.boolean(),
  namespace: z.string(),
  rows: z.number().describe('sealed rows that hold'),
  firstBroken: z.number().nullable().describe('number of the first row that does not'),
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
      async ({ query }) => verifyNamespace(deps, query.namespace),
    );
  });
}

async function verifyNamespace(
  { pool }: ApiDeps,
  namespace: string,
): Promise<z.output<typeof verifyAnswer>> {
  let last: ChainLink = { number: 0, hash: GENESIS_HASH };
  for (;;) {
    const rows = await loadChain(pool, namespace, { after: last.number, limit: CHAIN_BATCH });
    const check = verifyChain(rows, last);
    if (!check.ok) {
      return { ok: false, namespace, rows: check.rows, firstBroken: check.firstBroken };
    }
    last = check.last;
    if (rows.length < CHAIN_BATCH) {
      return { ok: true, namespace, rows: last.number, firstBroken: null };
    }
  }
}
