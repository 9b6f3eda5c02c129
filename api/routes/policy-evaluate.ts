import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { judgementFields, toJudgementAnswer } from '../answers';
import type { ApiDeps } from '../deps';
import { checkTimestamp } from '../ingest/fields';
import { warningsAnswer } from '../manifest-body';
import { plugin } from '../plugin';
import { evaluateQuestion, type Evaluated } from '../policy-evaluation';
import { timeAnswer, toTime } from '../times';

const at = z
  .union([z.string(), z.number()])
  .meta({ description: 'RFC 3339 with a zone, or epoch milliseconds' })
  .transform((given, context) => {
    const checked = checkTimestamp(given);
    if (checked.ok) return checked.value;
    context.addIssue({ code: 'custom', message: checked.message });
    return z.NEVER;
  });

const question = z.strictObject({
  policy: z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .optional()
    .describe('`namespace/name` of a policy in force, or a policy as POST /policies takes it'),
  condition: z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .optional()
    .describe('instead of a policy: a condition alone'),
  resource: z.string().optional().describe('`namespace/name`; whose stored samples'),
  metrics: z
    .array(z.record(z.string(), z.unknown()))
    .optional()
    .describe('samples as POST /ingest takes them; then nothing is read from the store'),
  at: at.optional().describe('default: the newest of the metrics, else now'),
});

const answer = z.object({
  policy: z.string().nullable(),
  resource: z.string().nullable(),
  targeted: z.boolean().nullable().describe('whether the policy looks at the resource'),
  condition: z.string(),
  at: timeAnswer,
  ...judgementFields,
  fires: z.boolean().describe('true for as long as `for` asks, and not disabled'),
  step: z
    .object({
      action: z.string(),
      params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    })
    .nullable()
    .describe('the first that it takes when it fires; null for a condition alone'),
  mode: z.string().nullable(),
  warnings: warningsAnswer,
});

/** Policies tried out before they are in force, or on samples that never were. */
export function policyEvaluateRoutes(deps: ApiDeps): FastifyPluginAsyncZod {
  return plugin((app) => {
    app.post(
      '/policies/evaluate',
      {
        schema: {
          tags: ['policies'],
          summary: 'Evaluate a policy or a condition on given or stored samples; changes nothing',
          body: question,
          response: { 200: answer },
        },
      },
      async ({ body }) => toAnswer(await evaluateQuestion(deps, body)),
    );
  });
}

function toAnswer({
  policy,
  warnings,
  resource,
  isTargeted,
  condition,
  at: time,
  ...judgement
}: Evaluated): z.output<typeof answer> {
  return {
    policy: policy?.key ?? null,
    resource: resource?.resource ?? null,
    targeted: isTargeted,
    condition: condition.text,
    at: toTime(time),
    ...toJudgementAnswer(condition, judgement),
    fires: judgement.firesInMs === 0 && policy?.enabled !== false,
    step: policy?.steps[0] ?? null,
    mode: policy?.mode ?? null,
    warnings,
  };
}
