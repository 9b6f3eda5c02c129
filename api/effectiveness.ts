import { z } from 'zod';
import { loadDemotion } from '../storage/demotions';
import {
  countOutcomes,
  countRungs,
  listFalseFixes,
  timeToFix,
  type OutcomeCount,
} from '../storage/effectiveness';
import type { PolicyRow } from '../storage/policies';
import type { ApiDeps } from './deps';
import { timeAnswer, toTime } from './times';

/** The longest list of false fixes that is answered. */
const FALSE_FIXES = 100;

/** Outcomes of actions that had their turn: one that nobody wanted says nothing of the policy. */
const TRIED = ['succeeded', 'failed', 'inconclusive', 'rolled_back'];

const rateAnswer = z.object({
  rate: z.number().nullable().describe('0..1; null: there is nothing to divide by'),
  count: z.number(),
  of: z.number(),
});

export const effectivenessAnswer = z.object({
  policy: z.string(),
  from: timeAnswer,
  actions: z.number(),
  outcomes: z.record(z.string(), z.number()),
  success: rateAnswer.describe('of the actions that had their turn'),
  inconclusive: rateAnswer.describe('of the actions that had their turn'),
  falseFix: rateAnswer.describe('of the fixes: the policy fired again too soon'),
  timeToFix: z.object({
    medianMs: z.number().nullable(),
    p90Ms: z.number().nullable(),
    of: z.number(),
  }),
  rungs: z.array(
    z.object({
      step: z.number().describe('0-based'),
      action: z.string(),
      tried: z.number(),
      fixed: z.number(),
      undone: z.number(),
    }),
  ),
  falseFixes: z.array(
    z.object({
      action: z.string(),
      resource: z.string(),
      recordedAt: timeAnswer,
      firedAgainAt: timeAnswer,
    }),
  ),
  demotion: z
    .object({ reason: z.string(), since: timeAnswer })
    .nullable()
    .describe('while it stands, every action asks for approval'),
});

/** @param windowMs back from now */
export async function judgeEffectiveness(
  { pool, now }: Pick<ApiDeps, 'pool' | 'now'>,
  { policy, revision }: Pick<PolicyRow, 'policy' | 'revision'>,
  windowMs: number,
): Promise<z.output<typeof effectivenessAnswer>> {
  const since = now() - windowMs;
  const counts = await countOutcomes(pool, policy, since);
  const falseFixes = await listFalseFixes(pool, policy, { since, limit: FALSE_FIXES });
  const demotion = await loadDemotion(pool, { key: policy, revision });
  const { median, p90, of } = await timeToFix(pool, policy, since);
  return {
    policy,
    from: toTime(since),
    ...ratesOf(counts),
    timeToFix: { medianMs: roundOrNull(median), p90Ms: roundOrNull(p90), of },
    rungs: await countRungs(pool, policy, since),
    falseFixes: falseFixes.map(({ actionId: action, resource, recordedAt, firedAgainAt }) => ({
      ...{ action, resource },
      recordedAt: toTime(recordedAt),
      firedAgainAt: toTime(firedAgainAt),
    })),
    demotion:
      demotion === null ? null : { reason: demotion.reason, since: toTime(demotion.demotedAt) },
  };
}

type Rates = Pick<
  z.output<typeof effectivenessAnswer>,
  'actions' | 'outcomes' | 'success' | 'inconclusive' | 'falseFix'
>;

function ratesOf(counts: readonly OutcomeCount[]): Rates {
  const outcomes = Object.fromEntries(counts.map(({ outcome, actions }) => [outcome, actions]));
  const sum = (pick: (one: OutcomeCount) => number): number =>
    counts.reduce((total, one) => total + pick(one), 0);
  const tried = sum(({ outcome, actions }) => (TRIED.includes(outcome) ? actions : 0));
  return {
    actions: sum(({ actions }) => actions),
    outcomes,
    success: rateOf(outcomes['succeeded'] ?? 0, tried),
    inconclusive: rateOf(outcomes['inconclusive'] ?? 0, tried),
    falseFix: rateOf(
      sum((one) => one.falseFixes),
      sum((one) => one.fixes),
    ),
  };
}

function rateOf(count: number, of: number): z.output<typeof rateAnswer> {
  return { rate: of === 0 ? null : Math.round((count / of) * 10_000) / 10_000, count, of };
}

function roundOrNull(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}
