import { setImmediate as breathe } from 'node:timers/promises';
import type { Pool } from 'pg';
import { assess, type PreviousVerdict } from '../domain/policy/evaluate';
import { severityOf } from '../domain/policy/severity';
import type { Logger } from '../platform/logger';
import { commitEdgesApart, type Committed } from './commit';
import { createDueTimes, type DueTimes } from './due';
import { edgeOf, type Edge, type Judged } from './edges';
import type { DetectorMetrics } from './metrics';
import { reconsider, type Pair } from './pairs';
import { previousOf } from './selection';
import type { Watch } from './watch';

/** Samples from the future are refused beyond five minutes; the evaluator waits for the others. */
const FUTURE_MS = 300_000;
const EDGES_PER_COMMIT = 1000;
/** Other work gets its turn after so many evaluations. */
const BREATHE_EVERY = 200;
const RETRY_MS = 5000;

export interface LooksDeps {
  pool: Pool;
  watch: Watch;
  now: () => number;
  logger: Logger;
  metrics: DetectorMetrics;
  /** Since when this process receives samples, epoch ms: absence before says nothing. */
  receivingSince: () => number;
}

/** Which pairs have to be looked at, and the look itself. */
export interface Looks {
  mark: (pairs: Iterable<Pair>, correlationId: string | null) => void;
  hasDirty: () => boolean;
  nextDue: () => number | null;
  /** Evaluates what is dirty or due and writes its edges. */
  lookAll: () => Promise<void>;
}

/** What is written down is left to `lookAll`; a pair that does not work never holds up the others. */
export function createLooks(deps: LooksDeps): Looks {
  const { now } = deps;
  /** With the request that caused the newest look. */
  let dirty = new Map<Pair, string | null>();
  const due = createDueTimes<Pair>();

  function mark(pairs: Iterable<Pair>, correlationId: string | null): void {
    for (const pair of pairs) dirty.set(pair, correlationId ?? dirty.get(pair) ?? null);
  }

  return {
    mark,
    hasDirty: () => dirty.size > 0,
    nextDue: () => due.next(),
    async lookAll() {
      mark(due.take(now()), null);
      const taken = dirty;
      dirty = new Map();
      const edges: Edge[] = [];
      try {
        let count = 0;
        for (const [pair, asked] of taken) {
          // A sample that came since is in the window: the look is about it, too.
          const correlationId = dirty.get(pair) ?? asked;
          const edge = pair.isGone ? null : look(pair, correlationId, { ...deps, due });
          if (edge !== null) edges.push(edge);
          if (++count % BREATHE_EVERY === 0) await breathe();
        }
        for (const batch of batches(edges)) await write(batch, { ...deps, due });
      } catch (error) {
        for (const { pair, correlationId } of edges) {
          reconsider(pair, now());
          mark([pair], correlationId);
        }
        throw error;
      }
    },
  };
}

interface LookDeps extends LooksDeps {
  due: DueTimes<Pair>;
}

function look(pair: Pair, correlationId: string | null, deps: LookDeps): Edge | null {
  const now = deps.now();
  deps.metrics.evaluations.inc();
  try {
    const judged = judge(pair, deps, now);
    deps.due.set(pair, judged.nextChangeAt);
    const edge = edgeOf(pair, judged, { now, correlationId });
    if (edge === null) pair.previous = previousOf(judged, now);
    return edge;
  } catch (error) {
    putOff(pair, deps, { err: error, message: 'evaluation failed' });
    return null;
  }
}

async function write(edges: readonly Edge[], deps: LookDeps): Promise<void> {
  const committed = await commitEdgesApart(deps.pool, edges, {
    now: deps.now(),
    onRefused(refused, err) {
      for (const { pair } of refused) putOff(pair, deps, { err, message: 'verdict refused' });
    },
  });
  for (const one of committed) settle(one, deps);
}

function settle({ edge, stored, isSent }: Committed, { metrics, logger }: LookDeps): void {
  const { pair, correlationId } = edge;
  const wasKnown = pair.stored !== null && pair.stored.verdict !== 'unknown';
  if (stored.verdict !== 'unknown') pair.unknownAt = null;
  else if (wasKnown) pair.unknownAt = stored.updatedAt;
  pair.stored = stored;
  pair.previous = previousOf(stored, stored.updatedAt);
  pair.isBroken = false;
  metrics.edges.inc({ verdict: stored.verdict });
  const { resource, policy, verdict, version } = stored;
  if (isSent) logger.info({ resource, policy, verdict, version, correlationId }, 'verdict changed');
}

/** Said once until it works again. */
function putOff(
  pair: Pair,
  { due, now, logger }: LookDeps,
  { err, message }: { err: unknown; message: string },
): void {
  const { resource, policy } = pair;
  if (!pair.isBroken)
    logger.error({ err, resource: resource.key, policy: policy.policy.key }, message);
  pair.isBroken = true;
  reconsider(pair, now());
  due.set(pair, now() + RETRY_MS);
}

/** The verdict now; a run that goes on keeps its `since`, and none begins before the one it ended. */
function judge(pair: Pair, { watch: { windows }, receivingSince }: LooksDeps, now: number): Judged {
  const { policy, intervalMs, previous, held } = pair;
  const series = windows.of({
    resource: pair.resource.key,
    metrics: pair.metrics,
    from: now - pair.lookbackMs,
    to: now + FUTURE_MS,
  });
  // "Unknown" begins when somebody looked, which says nothing of the samples that ended it.
  const known =
    previous === null || previous.verdict === 'unknown' ? null : lookedTo(pair, previous);
  const input = { series, now, intervalMs, receivingSince: receivingSince() };
  const before = { previous: known, ...(held === undefined ? {} : { held }) };
  const assessed = assess(policy.policy.condition, { ...input, ...before });
  pair.held = assessed.held;
  const isSame = previous !== null && previous.verdict === assessed.verdict;
  const notBefore = known?.since ?? 0;
  const since = isSame && known === null ? previous.since : Math.max(assessed.since, notBefore);
  const isTrue = assessed.verdict === 'true';
  const severity = isTrue ? severityOf(policy.policy, input) : policy.policy.severity;
  return { ...assessed, since, severity };
}

/** Where the look goes on: where the last one ended, or with an older sample that came since. */
function lookedTo(pair: Pair, previous: PreviousVerdict): PreviousVerdict {
  const evaluatedTo = Math.min(previous.evaluatedTo, pair.seenFrom);
  pair.seenFrom = Infinity;
  return { ...previous, evaluatedTo };
}

/** Edges of one resource stay together: they share a version. */
function batches(edges: readonly Edge[]): Edge[][] {
  const sorted = [...edges].sort((a, b) => (a.row.resource < b.row.resource ? -1 : 1));
  const found: Edge[][] = [];
  for (const edge of sorted) {
    const last = found.at(-1);
    const isSame = last?.at(-1)?.row.resource === edge.row.resource;
    if (last === undefined || (last.length >= EDGES_PER_COMMIT && !isSame)) found.push([edge]);
    else last.push(edge);
  }
  return found;
}
