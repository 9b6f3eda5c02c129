import { z } from 'zod';
import type {
  Approval,
  Limits,
  Policy,
  PolicyTarget,
  Verification,
} from '../../domain/policy/policy';
import { formatDuration } from '../../domain/policy/duration';
import { resourceKey, type ResourceName } from '../../domain/resource';
import { compileCondition } from './condition';
import { compileSchedule } from './schedule';
import {
  given,
  anything,
  check,
  durationField,
  durationOrNull,
  isRecord,
  textMap,
  type Context,
} from './shape';
import type { Path } from './source';
import { compileSteps } from './steps';

const specSchema = z.strictObject({
  target: anything,
  condition: anything,
  severity: anything,
  action: anything,
  steps: anything,
  cooldown: durationField({ fallback: 300_000 }),
  limits: anything,
  approval: anything,
  verify: anything,
  schedule: anything,
  mode: z.enum(['enforce', 'dry-run']).default('enforce'),
  enabled: z.boolean().default(true),
});

const NOT_YET = ['clear', 'missing', 'language'];

const severitySchema = z.strictObject({
  severity: z.enum(['info', 'warning', 'critical']).default('warning'),
});

const targetSchema = z.strictObject({
  kind: z.literal('Service').optional(),
  name: z
    .string()
    .regex(/^[a-z0-9*?._@-]+$/, 'must be a name, with * for any characters and ? for one')
    .default('*'),
  labels: anything,
});

const count = z.int().min(1, 'must be at least 1');

const limitsSchema = z.strictObject({
  attempts: count.default(3),
  maxConcurrent: count.default(1),
});

const approvalSchema = z.strictObject({
  required: count.default(1),
  deadline: durationField({ fallback: 900_000, min: 1 }),
  onDeadline: z.enum(['expire', 'approve']).default('expire'),
});

const verifySchema = z.strictObject({
  settle: durationField({ fallback: 10_000 }),
  stable: durationOrNull({}),
  within: durationField({ fallback: 120_000, min: 1 }),
});

/** Verification's own default, which also asks for three samples. */
const DEFAULT_STABLE_MS = 30_000;

/** Compiles a Policy's `spec`; null after reporting what is wrong. */
export function compilePolicy(
  id: ResourceName,
  spec: unknown,
  path: Path,
  context: Context,
): Policy | null {
  const data = check(specSchema, spec, { path, context, notYet: NOT_YET });
  const raw = isRecord(spec) ? spec : null;
  if (raw === null) return null;
  const condition = compileCondition(raw['condition'], [...path, 'condition'], context);
  const parts = {
    severity: compileSeverity(raw['severity'], path, context),
    target: compileTarget(given(raw['target']), [...path, 'target'], context),
    limits: compileLimits(given(raw['limits']), [...path, 'limits'], context),
    approval: compileApproval(raw['approval'], [...path, 'approval'], context),
    verify: compileVerify(given(raw['verify']), [...path, 'verify'], context),
    steps: compileSteps(raw, path, context),
    schedule: compileSchedule(raw['schedule'], [...path, 'schedule'], context),
  };
  const { severity, target, limits, verify, schedule } = parts;
  if (!data || !condition || !severity || !target || !limits || !verify) return null;
  return {
    key: resourceKey(id.namespace, id.name),
    ...id,
    target,
    condition,
    severity,
    steps: parts.steps,
    cooldownMs: data.cooldown,
    limits,
    approval: parts.approval,
    verify,
    ...(schedule && { schedule }),
    mode: data.mode,
    // Absent unless disabled, so that policies of earlier versions compile to what is stored.
    ...(data.enabled ? {} : { enabled: false as const }),
    impliedBy: null,
  };
}

function compileSeverity(value: unknown, path: Path, context: Context): Policy['severity'] | null {
  if (Array.isArray(value)) {
    context.report([...path, 'severity'], 'graded severity is not supported yet; write one word');
    return null;
  }
  return check(severitySchema, { severity: value }, { path, context })?.severity ?? null;
}

function compileTarget(value: unknown, path: Path, context: Context): PolicyTarget | null {
  const data = check(targetSchema, value, { path, context });
  const labels = textMap(data?.labels, [...path, 'labels'], context);
  return data && { name: data.name, labels };
}

function compileLimits(value: unknown, path: Path, context: Context): Limits | null {
  const notYet = ['perHour', 'maxUnhealthy', 'group'];
  return check(limitsSchema, value, { path, context, notYet });
}

function compileApproval(value: unknown, path: Path, context: Context): Approval | null {
  if (value === undefined) return null;
  if (isRecord(value) && value['onDeadline'] === 'escalate') {
    context.report([...path, 'onDeadline'], '"onDeadline": escalate is not supported yet');
    return null;
  }
  const data = check(approvalSchema, value, { path, context, notYet: ['of'] });
  return (
    data && { required: data.required, deadlineMs: data.deadline, onDeadline: data.onDeadline }
  );
}

function compileVerify(value: unknown, path: Path, context: Context): Verification | null {
  const data = check(verifySchema, value, { path, context });
  if (data === null) return null;
  const stableMs = data.stable ?? DEFAULT_STABLE_MS;
  if (data.settle + stableMs > data.within) {
    const [settle, stable, within] = [data.settle, stableMs, data.within].map(formatDuration);
    context.report(
      path,
      `verify could never succeed: settle ${settle ?? ''} and stable ${stable ?? ''} take longer than within ${within ?? ''}`,
      { part: 'key' },
    );
    return null;
  }
  return { settleMs: data.settle, stableMs: data.stable, withinMs: data.within };
}
