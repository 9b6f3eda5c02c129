import { z } from 'zod';
import type { ActionRow } from '../storage/actions';
import type { AuditRow } from '../storage/audit-read';
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
