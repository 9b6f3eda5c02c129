import type { PoolClient } from 'pg';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AuditEvent } from '../../domain/audit';
import { DEFAULT_NAMESPACE, parseResourceKey } from '../../domain/resource';
import { duration } from '../../platform/config-sections';
import { insertAudit } from '../../storage/audit';
import { inTransaction } from '../../storage/database';
import { enqueue, OUTBOX_PRIORITY } from '../../storage/outbox';
import {
  deletePause,
  heldByPause,
  listPauses,
  putPause,
  scopeExists,
  waitingActions,
  type PauseRow,
} from '../../storage/pauses';
import {
  actionWorkflowId,
  resourceWorkflowId,
  SIGNALS,
  type GateLifted,
} from '../../workflows/contract';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';
import { notFound } from '../problems';
import { toResourceKey } from '../targets';
import { timeAnswer, toTime, toTimeOrNull } from '../times';

const TAGS = ['pauses'];

const scope = z
  .string()
  .trim()
  .min(1)
  .max(500)
  .describe(
    '`*` for everything, else a resource, a Service or a Group: `name` or `namespace/name`',
  );

const pauseBody = z.strictObject({
  scope,
  for: duration.optional().describe('until resumed when absent; `10m`, `2h`, or milliseconds'),
  reason: z.string().trim().min(1).max(1000),
});

const pauseAnswer = z.object({
  scope: z.string(),
  reason: z.string(),
  actor: z.string(),
  pausedAt: timeAnswer,
  until: timeAnswer.nullable(),
});

const resumeAnswer = z.object({ ok: z.literal(true), scope: z.string() });

interface Asker {
  actor: string;
  requestId: string;
}

/** Pauses: nothing new starts on what they cover; running work finishes its verification. */
export function pauseRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/pauses',
      {
        schema: {
          tags: TAGS,
          summary: 'Pauses in force',
          response: {
            200: z.object({ items: z.array(pauseAnswer), nextCursor: z.null() }),
          },
        },
      },
      async () => {
        const rows = await listPauses(deps.pool, deps.now());
        return { items: rows.map(toAnswer), nextCursor: null };
      },
    );

    for (const url of ['/pause', '/pauses']) {
      app.post(
        url,
        {
          schema: {
            tags: TAGS,
            summary: 'Pause everything, a resource, a Service or a Group',
            body: pauseBody,
            response: { 201: pauseAnswer },
          },
        },
        async ({ body, actor, id }, reply) => {
          const row = await pause(deps, body, { actor, requestId: id });
          return reply.code(201).send(toAnswer(row));
        },
      );
    }

    app.post(
      '/resume',
      {
        schema: {
          tags: TAGS,
          summary: 'End a pause',
          body: z.strictObject({ scope }),
          response: { 200: resumeAnswer },
        },
      },
      async ({ body, actor, id }) => resume(deps, body.scope, { actor, requestId: id }),
    );

    app.delete(
      '/pauses/:scope',
      {
        schema: {
          tags: TAGS,
          summary: 'End a pause; write the slash of its scope as %2F',
          params: z.object({ scope }),
          response: { 200: resumeAnswer },
        },
      },
      async ({ params, actor, id }) => resume(deps, params.scope, { actor, requestId: id }),
    );
  });
}

function toAnswer(row: PauseRow): z.output<typeof pauseAnswer> {
  return { ...row, pausedAt: toTime(row.pausedAt), until: toTimeOrNull(row.until) };
}

function toScope(given: string): string {
  return given === '*' ? '*' : toResourceKey(given);
}

async function pause(
  { pool, now }: ApiDeps,
  body: z.output<typeof pauseBody>,
  asker: Asker,
): Promise<PauseRow> {
  const target = toScope(body.scope);
  const until = body.for === undefined ? null : now() + body.for;
  return inTransaction(pool, async (db) => {
    if (!(await scopeExists(db, target))) throw notFound(`there is nothing named ${target}`);
    const { reason } = body;
    const row = await putPause(db, { scope: target, reason, actor: asker.actor, until });
    const details = { scope: target, reason, until: toTimeOrNull(until) };
    await insertAudit(db, [{ ...auditBase(target, asker), event: 'paused', details }]);
    // Whom an earlier pause of that scope holds waits for that one's end: it hears of the new one.
    await tellWaiting(db, target, asker.requestId);
    return row;
  });
}

async function resume(
  { pool, now }: ApiDeps,
  given: string,
  asker: Asker,
): Promise<z.output<typeof resumeAnswer>> {
  const target = toScope(given);
  const wasPaused = await inTransaction(pool, async (db) => {
    if (!(await deletePause(db, target, now()))) return false;
    const event = { ...auditBase(target, asker), event: 'resumed' as const };
    await insertAudit(db, [{ ...event, details: { scope: target } }]);
    await tellWaiting(db, target, asker.requestId);
    return true;
  });
  if (!wasPaused) throw notFound(`${target} is not paused`);
  return { ok: true, scope: target };
}

/** Whoever is held by the gate hears that it lifted; what another pause still covers is held again. */
async function tellWaiting(db: PoolClient, target: string, requestId: string): Promise<void> {
  const payload: GateLifted = { gate: 'paused' };
  const message = { kind: SIGNALS.gateLifted, action: '', payload, correlationId: requestId };
  const priority = OUTBOX_PRIORITY.fact;
  for (const resource of await heldByPause(db, target)) {
    const workflowId = resourceWorkflowId(resource);
    await enqueue(db, { ...message, workflowId, starts: true, priority });
  }
  for (const action of await waitingActions(db, target)) {
    const workflowId = actionWorkflowId(action);
    await enqueue(db, { ...message, workflowId, starts: false, priority });
  }
}

function auditBase(target: string, asker: Asker): Omit<AuditEvent, 'event' | 'details'> {
  return {
    namespace: target === '*' ? DEFAULT_NAMESPACE : parseResourceKey(target).namespace,
    resource: target === '*' ? null : target,
    policy: null,
    actionId: null,
    step: -1,
    actor: asker.actor,
    door: 'api',
    correlationId: asker.requestId,
    policyRevision: null,
  };
}
