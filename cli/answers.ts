/**
 * The API's answers as far as the commands read them. Objects stay loose, so that `--json` prints
 * what the API said and a newer API does not break an older command. Times are RFC 3339 in UTC.
 */
import { z } from 'zod';

const time = z.string();

export function listOf<S extends z.ZodType>(item: S) {
  return z.looseObject({ items: z.array(item), nextCursor: z.string().nullish() });
}

/** An answer of which only the fact that it came matters. */
export const Anything = z.unknown();

export const Health = z.looseObject({
  status: z.enum(['ok', 'degraded', 'down']),
  dependencies: z.record(
    z.string(),
    z.looseObject({ status: z.string(), detail: z.string().nullish() }),
  ),
  version: z.string().optional(),
});

export const ResourceAnswer = z.looseObject({
  resource: z.string(),
  managed: z.boolean(),
  paused: z.boolean(),
  runtime: z.string().nullable(),
  observed: z
    .looseObject({ isRunning: z.boolean(), identity: z.string().nullable(), observedAt: time })
    .nullable(),
  driftCount: z.number(),
  policies: z.array(
    z.looseObject({
      policy: z.string(),
      verdict: z.string(),
      since: time.nullable(),
      severity: z.string(),
    }),
  ),
});
export type ResourceAnswer = z.output<typeof ResourceAnswer>;

export const Why = z.looseObject({
  resource: z.string(),
  text: z.array(z.string()),
  policies: z.array(
    z.looseObject({
      policy: z.string(),
      phase: z.string(),
      verdict: z.string(),
      waitsFor: z.string().nullish(),
      held: z.looseObject({ gate: z.string(), detail: z.string() }).nullish(),
    }),
  ),
});
export type Why = z.output<typeof Why>;

export const Action = z.looseObject({
  id: z.string(),
  resource: z.string(),
  policy: z.string().nullable(),
  steps: z.array(z.looseObject({ action: z.string(), params: z.record(z.string(), z.unknown()) })),
  state: z.string(),
  outcome: z.string().nullable(),
  outcomeReason: z.string().nullable(),
  dryRun: z.boolean(),
  requestedBy: z.string(),
  reason: z.string().nullable(),
  approvalDeadline: time.nullish(),
  requestedAt: time,
  recordedAt: time.nullable(),
});
export type Action = z.output<typeof Action>;

export const AuditRow = z.looseObject({
  id: z.union([z.number(), z.string()]),
  at: time,
  namespace: z.string(),
  resource: z.string().nullable(),
  policy: z.string().nullable(),
  actionId: z.string().nullable(),
  step: z.number(),
  event: z.string(),
  actor: z.string(),
  door: z.string(),
  details: z.record(z.string(), z.unknown()),
  seal: z.number().nullish(),
});
export type AuditRow = z.output<typeof AuditRow>;

export const ActionStory = Action.extend({
  approvals: z.array(
    z.looseObject({
      approver: z.string(),
      decision: z.string(),
      comment: z.string().nullable(),
      signed: z.boolean(),
      decidedAt: time,
    }),
  ),
  audit: z.array(AuditRow),
  workflow: z.looseObject({ id: z.string(), url: z.string().nullable() }).nullish(),
});
export type ActionStory = z.output<typeof ActionStory>;

const rate = z.looseObject({ rate: z.number().nullable(), count: z.number(), of: z.number() });

export const Effectiveness = z.looseObject({
  policy: z.string(),
  from: time,
  actions: z.number(),
  outcomes: z.record(z.string(), z.number()),
  success: rate,
  inconclusive: rate,
  falseFix: rate,
  timeToFix: z.looseObject({
    medianMs: z.number().nullable(),
    p90Ms: z.number().nullable(),
    of: z.number(),
  }),
  rungs: z.array(
    z.looseObject({
      step: z.number(),
      action: z.string(),
      tried: z.number(),
      fixed: z.number(),
      undone: z.number(),
    }),
  ),
  falseFixes: z.array(
    z.looseObject({
      action: z.string(),
      resource: z.string(),
      recordedAt: time,
      firedAgainAt: time,
    }),
  ),
  demotion: z.looseObject({ reason: z.string(), since: time }).nullable(),
});
export type Effectiveness = z.output<typeof Effectiveness>;

export const Promoted = z.looseObject({ policy: z.string() });

export const ApprovalRow = z.looseObject({
  action: z.string(),
  resource: z.string(),
  policy: z.string().nullable(),
  steps: z.array(z.looseObject({ action: z.string() })),
  state: z.string(),
  outcome: z.string().nullable(),
  required: z.number(),
  given: z.array(z.looseObject({ approver: z.string(), decision: z.string() })),
  people: z.array(z.string()).nullable(),
  shortfall: z.string().nullable(),
  escalated: z.boolean(),
  deadline: time,
});
export type ApprovalRow = z.output<typeof ApprovalRow>;

export const ApprovalLink = z.looseObject({
  url: z.string(),
  approver: z.string(),
  expiresAt: time,
});

export const Decided = z.looseObject({ state: z.string() });

export const NoticeRow = z.looseObject({
  id: z.number(),
  kind: z.string(),
  severity: z.string(),
  title: z.string(),
  isResolved: z.boolean(),
  isOpen: z.boolean(),
  at: time,
  deliveries: z.array(
    z.looseObject({
      channel: z.string(),
      state: z.string(),
      attempts: z.number(),
      error: z.string().nullable(),
    }),
  ),
});
export type NoticeRow = z.output<typeof NoticeRow>;

export const Pause = z.looseObject({
  scope: z.string(),
  reason: z.string(),
  actor: z.string(),
  pausedAt: time,
  until: time.nullable(),
});

export const DriftRow = z.looseObject({
  resource: z.string(),
  pointer: z.string(),
  severity: z.string().nullable(),
  sentence: z.string(),
  onset: time,
  resolvedAt: time.nullable(),
  attribution: z.looseObject({ by: z.string().nullable(), what: z.string() }).nullable(),
  impact: z.array(z.string()),
  recommended: z.looseObject({ step: z.string(), why: z.string() }).nullable(),
  held: z.looseObject({ gate: z.string(), detail: z.string(), until: time.nullable() }).nullable(),
  actionId: z.string().nullable(),
});
export type DriftRow = z.output<typeof DriftRow>;

export const PolicyAnswer = z.looseObject({
  policy: z.string(),
  revision: z.number(),
  impliedBy: z.string().nullable(),
  source: z.string().nullish(),
  file: z.string().nullish(),
  line: z.number().nullish(),
  enabled: z.boolean().nullish(),
  severity: z.string().nullish(),
  condition: z.string().nullish(),
  document: z.unknown(),
});
export type PolicyAnswer = z.output<typeof PolicyAnswer>;

export const PolicyDetail = PolicyAnswer.extend({
  manifest: z.unknown(),
  revisions: z.array(
    z.looseObject({
      revision: z.number(),
      at: time,
      author: z.string(),
      source: z.string(),
      deleted: z.boolean(),
    }),
  ),
});
export type PolicyDetail = z.output<typeof PolicyDetail>;

export const Evaluation = z.looseObject({
  policy: z.string().nullable(),
  resource: z.string().nullable(),
  targeted: z.boolean().nullable(),
  verdict: z.string(),
  explanation: z.string(),
  fires: z.boolean(),
  firesInMs: z.number().nullable(),
  step: z.looseObject({ action: z.string(), params: z.record(z.string(), z.unknown()) }).nullable(),
  mode: z.string().nullable(),
});
export type Evaluation = z.output<typeof Evaluation>;

export const Reloaded = z.looseObject({ revision: z.number(), policies: z.number() });

export const Verification = z.looseObject({
  ok: z.boolean(),
  namespace: z.string(),
  rows: z.number(),
  firstBroken: z.number().nullable(),
  from: z.number().default(0),
});
export type Verification = z.output<typeof Verification>;

export const Pruned = z.looseObject({ dropped: z.number(), checkpoint: z.number().nullable() });

export const Replayed = z.looseObject({
  told: z.number(),
  missing: z.array(z.string()),
  changed: z.array(z.looseObject({ id: z.string(), fields: z.array(z.string()) })),
});

const Warnings = z
  .array(z.looseObject({ index: z.number().nullish(), field: z.string(), message: z.string() }))
  .optional();
export type Warnings = z.output<typeof Warnings>;

export const PolicyWritten = PolicyAnswer.extend({ warnings: Warnings });

export const Applied = z.looseObject({
  revision: z.number(),
  changed: z.array(z.unknown()).optional(),
  unchanged: z.number().optional(),
  warnings: Warnings,
});
