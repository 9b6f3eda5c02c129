import { z } from 'zod';
import type { Policy, Verification } from '../../domain/policy/policy';
import { formatDuration } from '../../domain/policy/duration';
import { resourceKey, type ResourceName } from '../../domain/resource';
import { lintPolicy } from '../lint/policy';
import { compileApproval } from './approval';
import { compileSeverity, compileWhole } from './hysteresis';
import type { SpecPlace } from './kinds';
import { compileLimits } from './limits';
import { compileSchedule } from './schedule';
import {
  given,
  anything,
  check,
  durationField,
  durationOrNull,
  isRecord,
  type Context,
} from './shape';
import type { Path } from './source';
import { compileSteps } from './steps';
import { compileTarget } from './target';

export const policySchema = z.strictObject({
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
  onFalseFixes: z.enum(['demote', 'ignore']).default('demote'),
});

export const verifySchema = z.strictObject({
  settle: durationField({ fallback: 10_000 }),
  stable: durationOrNull({}),
  within: durationField({ fallback: 120_000, min: 1 }),
});

/** Verification's own default, which also asks for three samples. */
const DEFAULT_STABLE_MS = 30_000;

type Raw = Readonly<Record<string, unknown>>;
type Data = z.output<typeof policySchema>;

/** Compiles a Policy's `spec`; null after reporting what is wrong. */
export function compilePolicy(id: ResourceName, { spec, path, context }: SpecPlace): Policy | null {
  const data = check(policySchema, spec, { path, context });
  const raw = isRecord(spec) ? spec : null;
  if (raw === null) return null;
  const parts = compileParts(raw, data, { namespace: id.namespace, path, context });
  if (data === null || parts === null) return null;
  const policy: Policy = {
    key: resourceKey(id.namespace, id.name),
    ...id,
    ...parts,
    cooldownMs: data.cooldown,
    mode: data.mode,
    // What is as usual is left out, so that policies of earlier versions compile to what is stored.
    ...(data.enabled ? {} : { enabled: false as const }),
    ...(data.onFalseFixes === 'ignore' && { onFalseFixes: data.onFalseFixes }),
    impliedBy: null,
  };
  sayFindings(policy, raw, { path, context });
  return policy;
}

/** Every part is compiled, whatever is wrong with the others: all problems are told at once. */
function compileParts(
  raw: Raw,
  data: Data | null,
  { namespace, path, context }: { namespace: string; path: Path; context: Context },
) {
  const language = raw['language'] === 'promql' ? 'promql' : 'vigil';
  const condition = compileWhole(raw, data, { path, context, language });
  const graded = compileSeverity(raw['severity'], path, { context, language });
  const target = compileTarget(given(raw['target']), [...path, 'target'], context);
  const place = { path: [...path, 'limits'], namespace };
  const limits = compileLimits(given(raw['limits']), place, context);
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
