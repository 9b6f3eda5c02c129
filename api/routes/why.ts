import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { DEFAULT_NAMESPACE, resourceKey } from '../../domain/resource';
import { sentenceOf } from '../../domain/drift/describe';
import { resourceWorkflowId } from '../../workflows/contract';
import type { DriftRow } from '../../storage/drift-read';
import { auditAnswer, toAuditAnswer } from '../answers';
import { summarise } from '../decision-summary';
import { changeAnswer, toAttributionAnswer } from '../change-answer';
import type { ApiDeps } from '../deps';
import { plugin } from '../plugin';
import { findResource } from '../targets';
import { timeAnswer, toTime, toTimeOrNull } from '../times';
import { workflowUrl } from '../web-ui';
import { explainResource, type PolicyWhy, type Why } from '../why';
import { whyText } from '../why-text';

const heldAnswer = z.object({
  gate: z.string(),
  detail: z.string(),
  since: timeAnswer.nullable(),
  until: timeAnswer.nullable(),
});

const answer = z.object({
  resource: z.string(),
  text: z.array(z.string()).describe('one screen, ready to print'),
  paused: z.boolean(),
  policies: z.array(
    z.object({
      policy: z.string(),
      mode: z.string(),
      phase: z.string().describe('`unknown` while Temporal gives no answer'),
      condition: z.string(),
      explanation: z.string(),
      verdict: z.string(),
      since: timeAnswer,
      value: z.number().nullable(),
      waitsFor: z.string().nullable(),
      until: timeAnswer.nullable(),
      held: heldAnswer.nullable(),
      episode: z.number(),
      attempts: z.number(),
      maxAttempts: z.number().nullable().describe('null: it never gives up'),
      actionId: z.string().nullable(),
    }),
  ),
  drift: z
    .array(
      changeAnswer
        .pick({ pointer: true, kind: true, sentence: true, attribution: true })
        .extend({ onset: timeAnswer }),
    )
    .describe('what differs from the manifest, newest first; at most 20'),
  disabled: z.array(z.string()).describe('policies that would look at it and are disabled'),
  decisions: z.array(
    auditAnswer
      .pick({ at: true, event: true, policy: true, actionId: true, actor: true, details: true })
      .extend({ summary: z.string() }),
  ),
  temporal: z.object({
    reachable: z.boolean(),
    workflowId: z.string(),
    url: z.string().nullable(),
  }),
});

const ROUTES = ['/resources/:namespace/:name/why', '/why/:namespace/:name', '/why/:name'] as const;

/** Why: the state, what is waited for and until when, why nothing is done, the last decisions. */
export function whyRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    for (const url of ROUTES) {
      app.get(
        url,
        {
          schema: {
            tags: ['resources'],
            summary: 'Why Vigil does something about a resource, or nothing',
            params: z.object({
              ...(url.includes(':namespace') ? { namespace: z.string() } : {}),
              name: z.string(),
            }),
            response: { 200: answer },
          },
        },
        async ({ params }) => {
          const { namespace = DEFAULT_NAMESPACE, name } = params as {
            namespace?: string;
            name: string;
          };
          const resource = await findResource(deps, resourceKey(namespace, name));
          return toAnswer(deps, await explainResource(deps, resource));
        },
      );
    }
  });
}

function toAnswer(deps: ApiDeps, why: Why): z.output<typeof answer> {
  const workflowId = resourceWorkflowId(why.resource.resource);
  return {
    resource: why.resource.resource,
    text: whyText(why),
    paused: why.pauses.length > 0,
    policies: why.policies.map(toPolicyAnswer),
    drift: why.drift.map(toDriftAnswer),
    disabled: why.disabled,
    decisions: why.decisions.map((row) => ({ ...toAuditAnswer(row), summary: summarise(row) })),
    temporal: {
      reachable: why.workflow.kind !== 'away',
      workflowId,
      url: workflowUrl(deps, workflowId),
    },
  };
}

function toDriftAnswer(row: DriftRow): z.output<typeof answer>['drift'][number] {
  const { pointer, kind, onset, attribution } = row;
  return {
    ...{ pointer, kind, onset: toTime(onset) },
    sentence: sentenceOf(row),
    attribution: toAttributionAnswer(attribution),
  };
}

function toPolicyAnswer(one: PolicyWhy): z.output<typeof answer>['policies'][number] {
  const { assessed, held } = one;
  return {
    policy: one.policy,
    mode: one.mode,
    phase: one.phase,
    condition: assessed.policy.condition.text,
    explanation: assessed.explanation,
    verdict: assessed.verdict.verdict,
    since: toTime(assessed.verdict.since),
    value: assessed.verdict.value,
    waitsFor: one.waitsFor,
    until: toTimeOrNull(one.until),
    held: held && {
      ...held,
      since: toTimeOrNull(held.since),
      until: toTimeOrNull(held.until),
    },
    episode: one.episode,
    attempts: one.attempts,
    maxAttempts: one.maxAttempts,
    actionId: one.actionId,
  };
}
