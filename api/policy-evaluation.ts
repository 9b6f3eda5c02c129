import type { Condition } from '../domain/policy/ast';
import type { Policy } from '../domain/policy/policy';
import type { SeriesWindow } from '../domain/policy/series';
import { isTarget } from '../domain/policy/targets';
import { parseResourceKey } from '../domain/resource';
import { loadVerdicts, type VerdictRow } from '../storage/policies';
import type { ResourceRow } from '../storage/resources';
import type { NewSample } from '../storage/samples';
import { judge, judgeStored, type Judgement } from './assessment';
import type { ApiDeps } from './deps';
import { parseSamples } from './ingest/samples';
import { compilePolicyBody, type Warnings } from './manifest-body';
import { refuseUnknownVerbs } from './own-verbs';
import { findPolicy } from './policies';
import { unprocessable, type Problem } from './problems';
import { findResource, toResourceKey } from './targets';

/** What is asked; of `policy` and `condition` exactly one, and `resource` unless there are metrics. */
export interface Question {
  policy?: unknown;
  condition?: unknown;
  resource?: string | undefined;
  metrics?: unknown;
  /** Epoch ms; default: the newest of the metrics, else now. */
  at?: number | undefined;
}

export interface Evaluated extends Judgement {
  condition: Condition;
  /** Null for a condition alone. */
  policy: Policy | null;
  /** Of a policy that is only asked about. */
  warnings: Warnings;
  resource: ResourceRow | null;
  /** Whether the policy looks at the resource; null without either. */
  isTargeted: boolean | null;
  at: number;
}

/** The name of a policy that is only asked about. */
const UNNAMED = 'unnamed';

/** Evaluates a policy or a condition, on the given samples alone or on stored ones. Changes nothing. */
export async function evaluateQuestion(deps: ApiDeps, question: Question): Promise<Evaluated> {
  assertComplete(question);
  const subject = await subjectOf(deps, question);
  const { resource: target } = question;
  const resource = target === undefined ? null : await findResource(deps, toResourceKey(target));
  const { condition, policy, warnings } = subject;
  const { at, ...judgement } =
    resource === null || question.metrics !== undefined
      ? judgeGiven(deps, condition, { ...question, resource })
      : await judgeNow(deps, subject, { resource, at: question.at });
  const isTargeted = policy === null || resource === null ? null : isTarget(policy, resource);
  return { condition, policy, warnings, resource, isTargeted, at, ...judgement };
}

function assertComplete({ policy, condition, resource, metrics }: Question): void {
  const problems: Problem[] = [];
  if ((policy === undefined) === (condition === undefined)) {
    problems.push({ field: 'policy', message: 'send either a policy or a condition' });
  }
  if (metrics === undefined && resource === undefined) {
    problems.push({ field: 'resource', message: 'is needed without metrics: whose samples?' });
  }
  if (problems.length > 0) throw unprocessable('there is nothing to evaluate', problems);
}

interface Subject {
  policy: Policy | null;
  condition: Condition;
  warnings: Warnings;
  /** Whether the policy is the one in force. */
  isStored: boolean;
}

async function subjectOf(deps: ApiDeps, { policy, condition }: Question): Promise<Subject> {
  if (typeof policy === 'string') {
    const { document } = await findPolicy(deps, parseResourceKey(policy));
    return { policy: document, condition: document.condition, warnings: [], isStored: true };
  }
  if (policy !== undefined) {
    const body = nameless(policy) ? { name: UNNAMED, ...policy } : policy;
    const compiled = await compiledOf(deps, body);
    return { ...compiled, condition: compiled.policy.condition, isStored: false };
  }
  // Conditions are compiled as part of a policy; its action is never looked at.
  const carrier = await compiledOf(deps, { name: UNNAMED, condition, action: 'restart' });
  return { policy: null, condition: carrier.policy.condition, warnings: [], isStored: false };
}

function nameless(body: unknown): body is Record<string, unknown> {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  return isObject && !('metadata' in body) && !('kind' in body);
}

async function compiledOf(
  deps: ApiDeps,
  body: unknown,
): Promise<{ policy: Policy; warnings: Warnings }> {
  const options = { policy: {}, retentionMs: deps.config.retention };
  const { object, warnings } = compilePolicyBody(body, options);
  await refuseUnknownVerbs(deps, object);
  const [policy] = object.policies;
  if (policy === undefined) throw new Error('a policy manifest compiled to no policy');
  return { policy, warnings };
}

/** The given samples are all there is, and all of the resource. */
function judgeGiven(
  { now, config }: ApiDeps,
  condition: Condition,
  {
    metrics,
    at,
    resource,
  }: { metrics?: unknown; at?: number | undefined; resource: ResourceRow | null },
): Judgement & { at: number } {
  const base = at ?? now();
  const rules = { now: base, maxBatch: config.maxBatch, retentionMs: Infinity };
  const { samples, problems } = parseSamples(metrics, rules);
  if (problems.length > 0) {
    throw unprocessable('the metrics are not valid', problems.map(inMetrics));
  }
  const end = at ?? Math.max(...samples.map(({ ts }) => ts));
  const intervalMs = resource?.spec?.healthCheck?.intervalMs ?? null;
  const series = toSeries(samples);
  return { at: end, ...judge(condition, { series, now: end, intervalMs, stored: null }) };
}

function inMetrics({ index, field, message }: Problem): Problem {
  const place = index === undefined ? 'metrics' : `metrics[${index}]`;
  return { field: field === '' ? place : `${place}.${field}`, message };
}

/** Samples of one name and tags are one series; each was received when it says. */
function toSeries(samples: readonly NewSample[]): SeriesWindow[] {
  const series = new Map<string, { name: string; tags: NewSample['tags']; samples: NewSample[] }>();
  for (const sample of samples) {
    const { name, tags } = sample;
    const key = JSON.stringify([name, Object.entries(tags).sort()]);
    const one = series.get(key) ?? { name, tags, samples: [] };
    one.samples.push(sample);
    series.set(key, one);
  }
  return [...series.values()].map(({ name, tags, samples: found }) => ({
    name,
    tags,
    samples: newestOf(found).map(({ ts, value }) => ({ ts, value, receivedAt: ts })),
  }));
}

/** By time; of several with one timestamp the last counts, as in the store. */
function newestOf(samples: readonly NewSample[]): NewSample[] {
  const byTime = new Map(samples.map((sample) => [sample.ts, sample]));
  return [...byTime.values()].sort((a, b) => a.ts - b.ts);
}

async function judgeNow(
  deps: ApiDeps,
  { condition, policy, isStored }: Subject,
  { resource, at }: { resource: ResourceRow; at: number | undefined },
): Promise<Judgement & { at: number }> {
  const now = at ?? deps.now();
  // What the detector remembers is of now, and of policies in force.
  let stored: VerdictRow | null = null;
  if (isStored && at === undefined && policy !== null) {
    stored = (await loadVerdicts(deps.pool, resource.resource)).get(policy.key) ?? null;
  }
  return { at: now, ...(await judgeStored(deps, { condition, resource, now, stored })) };
}
