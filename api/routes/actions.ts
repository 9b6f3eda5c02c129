import { randomUUID } from 'node:crypto';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { OUTCOMES } from '../../domain/action/action';
import { getAction, listActions, listApprovals, type ActionRow } from '../../storage/actions';
import { auditOfAction } from '../../storage/audit-read';
import { findRequest } from '../../storage/requests';
import { actionWorkflowId, type Decision, type ManualAction } from '../../workflows/contract';
import { actionAnswer, auditAnswer, toActionAnswer, toAuditAnswer, voteAnswer } from '../answers';
import { approverOf } from '../approver';
import { requestAction, sendDecision } from '../commands';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import { conflict, notFound, type HttpProblem } from '../problems';
import { checkStep, findResource, toResourceKey } from '../targets';
import { toTime } from '../times';
import { workflowUrl } from '../web-ui';

const TAGS = ['actions'];
const STATES = [
  'requested',
  'awaiting_approval',
  'queued',
  'admitted',
  'executing',
  'verifying',
  'recorded',
] as const;

const listQuery = z.object({
  resource: z.string().optional(),
  policy: z.string().optional(),
  state: z.enum(STATES).optional(),
  outcome: z.enum(OUTCOMES).optional(),
  ...pageQuery,
});
const placeSchema = z.object({ requestedAt: z.string().regex(/^[\d :.+-]{19,40}$/), id: z.uuid() });
const byId = z.object({ id: z.string().describe('UUID') });
const uuid = z.uuid();

const text = z
  .string()
  .trim()
  .min(1)
  .max(1000)
  .refine((value) => !value.includes('\0'), 'must not contain NUL characters');

const createBody = z
  .strictObject({
    target: text.describe('`name` in namespace default, or `namespace/name`'),
    action: text,
    params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
    reason: text.optional(),
    dryRun: z.boolean().default(false),
    force: z.boolean().default(false).describe('goes through a pause; needs a reason'),
  })
  .refine(({ force, reason }) => !force || reason !== undefined, {
    path: ['reason'],
    message: 'is needed with force',
  });

const decisionBody = z
  .strictObject({ comment: text.nullish(), approver: text.max(200).nullish() })
  .nullish();

const detailAnswer = actionAnswer.extend({
  approvals: z.array(voteAnswer),
  audit: z.array(auditAnswer),
  workflow: z.object({ id: z.string(), url: z.string().nullable() }),
});

/** Actions: what ran, what waits, and how people start and decide them. */
export function actionRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/actions',
      {
        schema: {
          tags: TAGS,
          summary: 'Actions, newest first',
          querystring: listQuery,
          response: { 200: pageOf(actionAnswer) },
        },
      },
      async ({ query }) => {
        const filter = {
          resource: query.resource === undefined ? null : toResourceKey(query.resource),
          policy: query.policy === undefined ? null : toResourceKey(query.policy),
          state: query.state ?? null,
          outcome: query.outcome ?? null,
        };
        const after = readCursor(query.cursor, placeSchema);
        const rows = await listActions(deps.pool, filter, { after, limit: query.limit + 1 });
        return toPage(rows, query.limit, {
          itemOf: ({ action }) => toActionAnswer(action),
          placeOf: ({ place }) => place,
        });
      },
    );

    app.get(
      '/actions/:id',
      {
        schema: {
          tags: TAGS,
          summary: 'One action with its decisions and its audit rows',
          params: byId,
          response: { 200: detailAnswer },
        },
      },
      async ({ params }) => describeAction(deps, params.id),
    );

    app.post(
      '/actions',
      {
        schema: {
          tags: TAGS,
          summary:
            'Run an action by hand; it bypasses condition, cooldown and schedule, never a pause',
          body: createBody,
          response: { 201: actionAnswer },
        },
      },
      async ({ body, actor, id }, reply) => {
        const action = await createAction(deps, { body, actor, requestId: id });
        return reply.code(201).send(toActionAnswer(action));
      },
    );

    for (const decision of ['approve', 'reject', 'cancel', 'withdraw'] as const) {
      app.post(
        `/actions/:id/${decision}`,
        {
          schema: {
            tags: TAGS,
            summary: SUMMARIES[decision],
            params: byId,
            body: decisionBody,
            response: { 200: z.object({ ok: z.literal(true), state: z.string() }) },
          },
        },
        async ({ params, body, actor, id }) => {
          const isKnown =
            uuid.safeParse(params.id).success && (await findRequest(deps.pool, params.id)) !== null;
          if (!isKnown) throw unknownAction(params.id);
          const approver = body?.approver ? approverOf(body.approver) : actor;
          const { state } = await sendDecision(deps, params.id, {
            decision,
            approver,
            ...(approver === actor ? {} : { sentBy: actor }),
            comment: body?.comment ?? null,
            correlationId: id,
          });
          return { ok: true as const, state };
        },
      );
    }
  });
}

const SUMMARIES: Record<Decision, string> = {
  approve: 'Say yes to an action that waits for approval',
  reject: 'Say no to an action that waits for approval',
  cancel: 'Call an action off before its effect',
  withdraw: 'Take a yes back while the action still waits',
};

function unknownAction(id: string): HttpProblem {
  return notFound(`there is no action ${id}`);
}

async function describeAction(deps: ApiDeps, id: string): Promise<z.output<typeof detailAnswer>> {
  const row = uuid.safeParse(id).success ? await getAction(deps.pool, id) : null;
  if (row === null) throw unknownAction(id);
  const [approvals, audit] = await Promise.all([
    listApprovals(deps.pool, id),
    auditOfAction(deps.pool, id),
  ]);
  const workflowId = actionWorkflowId(id);
  return {
    ...toActionAnswer(row),
    approvals: approvals.map((one) => ({ ...one, decidedAt: toTime(one.decidedAt) })),
    audit: audit.map(toAuditAnswer),
    workflow: { id: workflowId, url: workflowUrl(deps, workflowId) },
  };
}

async function createAction(
  deps: ApiDeps,
  {
    body,
    actor,
    requestId,
  }: { body: z.output<typeof createBody>; actor: string; requestId: string },
): Promise<ActionRow> {
  const resource = await findResource(deps, toResourceKey(body.target));
  const step = checkStep(resource, body.action, body.params);
  const action: ManualAction = {
    actionId: randomUUID(),
    steps: [step],
    requestedBy: actor,
    reason: body.reason ?? `${step.action} by hand`,
    dryRun: body.dryRun,
    force: body.force,
    correlationId: requestId,
  };
  const answer = await requestAction(deps, resource.resource, action);
  if (answer.kind === 'refused') {
    throw conflict(`${answer.gate}: ${answer.detail}`, { gate: answer.gate });
  }
  const row = await getAction(deps.pool, action.actionId);
  return row ?? justRequested(action, { resource: resource.resource, now: deps.now(), answer });
}

/** The projection is written after the fact: until then, what is known already. */
function justRequested(
  action: ManualAction,
  {
    resource,
    now,
    answer,
  }: { resource: string; now: number; answer: { kind: 'started' | 'queued' } },
): ActionRow {
  return {
    id: action.actionId,
    resource,
    policy: null,
    policyRevision: 0,
    severity: 'warning',
    steps: action.steps,
    state: answer.kind === 'queued' ? 'queued' : 'requested',
    outcome: null,
    outcomeReason: null,
    dryRun: action.dryRun,
    requestedBy: action.requestedBy,
    reason: action.reason,
    requestId: action.correlationId,
    approvalDeadline: null,
    requestedAt: now,
    admittedAt: null,
    recordedAt: null,
  };
}
