import { z } from 'zod';
import type { ActionRow } from '../storage/actions';
import type { AuditRow } from '../storage/audit-read';
import type { Condition } from '../domain/policy/ast';
import type { Judgement } from './assessment';
import { timeAnswer, toTime, toTimeOrNull } from './times';

/** Answers that several routes give: their schemas, and how rows become them. */

const scalar = z.union([z.string(), z.number(), z.boolean()]);

export const actionAnswer = z.object({
  id: z.string(),
  resource: z.string(),
  policy: z.string().nullable(),
  policyRevision: z.number(),
  severity: z.string(),
  steps: z.array(z.object({ action: z.string(), params: z.record(z.string(), scalar) })),
  state: z.string(),
  outcome: z.string().nullable(),
  outcomeReason: z.string().nullable(),
  dryRun: z.boolean(),
  requestedBy: z.string(),
  reason: z.string(),
  requestId: z.string().nullable(),
  approvalDeadline: timeAnswer.nullable(),
  requestedAt: timeAnswer,
  admittedAt: timeAnswer.nullable(),
  recordedAt: timeAnswer.nullable(),
});

export function toActionAnswer(row: ActionRow): z.output<typeof actionAnswer> {
  return {
    ...row,
    approvalDeadline: toTimeOrNull(row.approvalDeadline),
    requestedAt: toTime(row.requestedAt),
    admittedAt: toTimeOrNull(row.admittedAt),
    recordedAt: toTimeOrNull(row.recordedAt),
  };
}

export const voteAnswer = z.object({
  approver: z.string(),
  decision: z.string().describe('approve, reject, or withdrawn: a yes that was taken back'),
  comment: z.string().nullable(),
  door: z.string(),
  signed: z.boolean(),
  decidedAt: timeAnswer,
});

export const auditAnswer = z.object({
  id: z.number(),
  at: timeAnswer,
  namespace: z.string(),
  resource: z.string().nullable(),
  policy: z.string().nullable(),
  actionId: z.string().nullable(),
  step: z.number(),
  event: z.string(),
  actor: z.string(),
  door: z.string(),
  requestId: z.string().nullable(),
  policyRevision: z.number().nullable(),
  details: z.record(z.string(), z.unknown()),
  seal: z.number().nullable(),
  hash: z.string().nullable(),
});

export function toAuditAnswer(row: AuditRow): z.output<typeof auditAnswer> {
  return { ...row, at: toTime(row.at) };
}

const evidenceAnswer = z.object({
  series: z.string(),
  value: z.number().nullable(),
  ts: timeAnswer.nullable(),
  receivedAt: timeAnswer.nullable(),
  verdict: z.string(),
  test: z.string().optional(),
  reason: z.string().optional(),
});

export const judgementFields = {
  verdict: z.string(),
  since: timeAnswer,
  value: z.number().nullable(),
  forMs: z.number(),
  firesInMs: z.number().nullable().describe('null unless the verdict is true'),
  evidence: z.array(evidenceAnswer),
  explanation: z.string(),
};

export function toJudgementAnswer(
  { forMs }: Condition,
  { verdict, firesInMs, explanation }: Judgement,
): z.output<z.ZodObject<typeof judgementFields>> {
  return {
    verdict: verdict.verdict,
    since: toTime(verdict.since),
    value: verdict.value,
    forMs,
    firesInMs,
    evidence: verdict.evidence.map((one) => ({
      ...one,
      ts: toTimeOrNull(one.ts),
      receivedAt: toTimeOrNull(one.receivedAt),
    })),
    explanation,
  };
}
