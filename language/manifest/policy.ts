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
import { compileSeverity, compileWhole } from './hysteresis';
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
import { lintPolicy } from '../lint/policy';
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
  language: z.enum(['vigil', 'promql']).default('vigil'),
  clear: anything,
  missing: z.enum(['hold', 'healthy', 'firing']).default('hold'),
  keepFiringFor: durationField({ fallback: 0 }),
  enabled: z.boolean().default(true),
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

const PERCENTAGE = /^([1-9]\d?|100)\s*%$/;
const PERCENTAGE_MESSAGE = 'must be a whole number from 1, or a percentage of the targets: 25%';

const limitsSchema = z.strictObject({
  attempts: count.default(3),
  maxConcurrent: z
    .union([count, z.string().regex(PERCENTAGE, PERCENTAGE_MESSAGE)], PERCENTAGE_MESSAGE)
    .default(1),
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

type Raw = Readonly<Record<string, unknown>>;
type Data = z.output<typeof specSchema>;

/** Compiles a Policy's `spec`; null after reporting what is wrong. */
export function compilePolicy(
  id: ResourceName,
  spec: unknown,
  path: Path,
  context: Context,
): Policy | null {
  const data = check(specSchema, spec, { path, context });
  const raw = isRecord(spec) ? spec : null;
  if (raw === null) return null;
  const parts = compileParts(raw, data, { path, context });
  if (data === null || parts === null) return null;
  const policy: Policy = {
    key: resourceKey(id.namespace, id.name),
    ...id,
    ...parts,
    cooldownMs: data.cooldown,
    mode: data.mode,
    // Absent unless disabled, so that policies of earlier versions compile to what is stored.
    ...(data.enabled ? {} : { enabled: false as const }),
    impliedBy: null,
  };
  sayFindings(policy, raw, { path, context });
  return policy;
}

/** Every part is compiled, whatever is wrong with the others: all problems are told at once. */
function compileParts(
  raw: Raw,
  data: Data | null,
  { path, context }: { path: Path; context: Context },
) {
  const language = raw['language'] === 'promql' ? 'promql' : 'vigil';
  const condition = compileWhole(raw, data, { path, context, language });
  const graded = compileSeverity(raw['severity'], path, { context, language });
  const target = compileTarget(given(raw['target']), [...path, 'target'], context);
  const limits = compileLimits(given(raw['limits']), [...path, 'limits'], context);
  const approval = compileApproval(raw['approval'], [...path, 'approval'], context);
  const verify = compileVerify(given(raw['verify']), [...path, 'verify'], context);
  const steps = compileSteps(raw, path, context);
  const schedule = compileSchedule(raw['schedule'], [...path, 'schedule'], context);
  if (!condition || !graded || !target || !limits || !verify) return null;
  return {
    target,
    condition,
    ...graded,
    steps,
    limits,
    approval,
    verify,
    ...(schedule && { schedule }),
  };
}

/** What the checker has to say of a policy that can be read. */
function sayFindings(
  policy: Policy,
  raw: Raw,
  { path, context }: { path: Path; context: Context },
): void {
  for (const { severity, field, at, message } of lintPolicy(policy, context)) {
    const isText = typeof raw[field] === 'string';
    const say = severity === 'error' ? context.report : context.warn;
    say([...path, field], message, { part: 'value', ...(isText ? { offset: at } : {}) });
  }
}

function compileTarget(value: unknown, path: Path, context: Context): PolicyTarget | null {
  const data = check(targetSchema, value, { path, context });
  const labels = textMap(data?.labels, [...path, 'labels'], context);
  return data && { name: data.name, labels };
}

function compileLimits(value: unknown, path: Path, context: Context): Limits | null {
  const notYet = ['perHour', 'maxUnhealthy', 'group'];
  const data = check(limitsSchema, value, { path, context, notYet });
  if (data === null) return null;
  const { attempts, maxConcurrent } = data;
  if (typeof maxConcurrent === 'number') return { attempts, maxConcurrent };
  return { attempts, maxConcurrent: 1, maxConcurrentPercent: parseInt(maxConcurrent, 10) };
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
