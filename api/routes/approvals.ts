import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { countYes, personOf, shortfallOf } from '../../domain/approvers';
import { listApprovalRequests, type ApprovalRequest } from '../../storage/approvals-read';
import { voteAnswer } from '../answers';
import type { ApiDeps } from '../deps';
import { pageOf, pageQuery, readCursor, toPage } from '../paging';
import { plugin } from '../plugin';
import { toResourceKey } from '../targets';
import { timeAnswer, toTime } from '../times';

const listQuery = z.object({
  resource: z.string().optional(),
  policy: z.string().optional(),
  approver: z
    .string()
    .min(1)
    .optional()
    .describe('name of a person: only what that person may say yes to'),
  pending: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
  ...pageQuery,
});

const placeSchema = z.object({
  isPending: z.boolean(),
  requestedAt: z.string().regex(/^[\d :.+-]{19,40}$/),
  id: z.uuid(),
});

const scalar = z.union([z.string(), z.number(), z.boolean()]);

const approvalAnswer = z.object({
  action: z.string().describe('UUID'),
  resource: z.string(),
  policy: z.string().nullable(),
  policyRevision: z.number(),
  severity: z.string(),
  steps: z.array(z.object({ action: z.string(), params: z.record(z.string(), scalar) })),
  reason: z.string(),
  requestedBy: z.string(),
  requestedAt: timeAnswer,
  state: z.string().describe('of the action; awaiting_approval while people are asked'),
  outcome: z.string().nullable(),
  required: z.number(),
  missing: z.number().describe('how many more must say yes'),
  given: z.array(voteAnswer),
  of: z.array(z.string()).nullable().describe('as the policy names them; null: anybody'),
  escalateTo: z.array(z.string()),
  people: z
    .array(z.string())
    .nullable()
    .describe('those names as people, as of now; null: anybody'),
  barred: z
    .array(z.object({ name: z.string(), why: z.string() }))
    .describe('four eyes: they may say no, but not yes'),
  shortfall: z.string().nullable().describe('why there can never be yes enough'),
  escalated: z.boolean(),
  deadline: timeAnswer,
  onDeadline: z.string(),
});

/** What people are asked, and what they said. */
export function approvalRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.get(
      '/approvals',
      {
        schema: {
          tags: ['approvals'],
          summary: 'Actions that ask people: what waits first, then the newest',
          querystring: listQuery,
          response: { 200: pageOf(approvalAnswer) },
        },
      },
      async ({ query }) => {
        const { resource, policy, approver, pending, limit, cursor } = query;
        const filter = {
          resource: resource === undefined ? null : toResourceKey(resource),
          policy: policy === undefined ? null : toResourceKey(policy),
          approver: approver === undefined ? null : (personOf(approver) ?? approver),
          // Who may decide is a question about what waits.
          isPending: pending ?? (approver === undefined ? null : true),
        };
        const after = readCursor(cursor, placeSchema);
        const rows = await listApprovalRequests(deps.pool, filter, { after, limit: limit + 1 });
        return toPage(rows, limit, {
          itemOf: ({ asked }) => toAnswer(asked),
          placeOf: ({ place }) => place,
        });
      },
    );
  });
}

function toAnswer(asked: ApprovalRequest): z.output<typeof approvalAnswer> {
  const { plan, deciders, votes, state } = asked;
  const { approval } = plan;
  const yes = countYes(
    votes.map(({ approver, decision, signed }) => ({
      actor: approver,
      decision,
      isSigned: signed,
    })),
    deciders,
  );
  return {
    action: plan.actionId,
    resource: plan.resource,
    policy: plan.policy,
    policyRevision: plan.policyRevision,
    severity: plan.severity,
    steps: plan.steps,
    reason: plan.reason,
    requestedBy: plan.requestedBy,
    requestedAt: toTime(asked.requestedAt),
    state,
    outcome: asked.outcome,
    required: approval.required,
    missing: Math.max(0, approval.required - yes),
    given: votes.map((vote) => ({ ...vote, decidedAt: toTime(vote.decidedAt) })),
    of: approval.of ?? null,
    escalateTo: approval.escalateTo ?? [],
    people: deciders.people,
    barred: deciders.barred,
    shortfall: shortfallOf(deciders),
    escalated: asked.isEscalated,
    deadline: toTime(asked.deadline),
    onDeadline: approval.onDeadline,
  };
}
