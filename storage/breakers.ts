import type { Outcome } from '../domain/action/action';
import {
  afterRecorded,
  breakerState,
  BREAKER_LIMITS,
  CLOSED_BREAKER,
  type Breaker,
  type BreakerLimits,
  type BreakerState,
} from '../domain/action/breaker';
import { parseResourceKey } from '../domain/resource';
import { insertAudit } from './audit';
import { query, type Db } from './database';
import { insertNotice } from './notices';

/** How the breakers of these policies stand at `now` (epoch ms); those not named are closed. */
export async function loadBreakers(
  db: Db,
  policies: readonly string[],
  now: number,
): Promise<Map<string, BreakerState>> {
  const rows = await query<{ policy: string } & Row>(
    db,
    'select policy, failures, successes, opened_at from breakers where policy = any($1)',
    [policies],
  );
  return new Map(rows.map((row) => [row.policy, breakerState(fromRow(row), now)]));
}

interface Row {
  failures: number;
  successes: number;
  opened_at: number | null;
}

function fromRow({ failures, successes, opened_at: openedAt }: Row): Breaker {
  return { failures, successes, openedAt };
}

/** What an outcome means for its policy's breaker, in the transaction that records it; says so when it opens or closes. */
export async function noteOutcome(
  db: Db,
  { policy, outcome, now }: { policy: string; outcome: Outcome; now: number },
  limits: BreakerLimits = BREAKER_LIMITS,
): Promise<void> {
  // The row is made first, so that the lock on it is held by one at a time.
  await query(
    db,
    'insert into breakers (policy, failures, successes) values ($1, 0, 0) on conflict do nothing',
    [policy],
  );
  const [row] = await query<Row>(
    db,
    'select failures, successes, opened_at from breakers where policy = $1 for update',
    [policy],
  );
  const before = row === undefined ? CLOSED_BREAKER : fromRow(row);
  const after = afterRecorded(before, outcome, now, limits);
  await query(
    db,
    `update breakers set failures = $2, successes = $3, opened_at = to_timestamp($4::float8 / 1000)
      where policy = $1`,
    [policy, after.failures, after.successes, after.openedAt],
  );
  const isOpening = before.openedAt === null && after.openedAt !== null;
  const isClosing = before.openedAt !== null && after.openedAt === null;
  if (isOpening || isClosing) await tell(db, policy, { after, isOpening, limits });
}

async function tell(
  db: Db,
  policy: string,
  { after, isOpening, limits }: { after: Breaker; isOpening: boolean; limits: BreakerLimits },
): Promise<void> {
  const { namespace } = parseResourceKey(policy);
  const reason = `${after.failures} actions in a row did not help`;
  await insertAudit(db, [
    {
      ...{ namespace, resource: null, policy, actionId: null, step: -1 },
      event: isOpening ? 'breaker_opened' : 'breaker_closed',
      ...{ actor: 'vigil', door: 'worker', correlationId: null, policyRevision: null },
      details: isOpening ? { reason, openMs: limits.openMs } : {},
    },
  ]);
  await insertNotice(db, {
    kind: 'breaker_open',
    key: `breaker:${policy}`,
    ...{ namespace, resource: null, policy, actionId: null, severity: 'critical' },
    title: isOpening ? `${policy} no longer acts: ${reason}` : `${policy} acts again`,
    text: isOpening
      ? `Its breaker is open for ${limits.openMs / 1000} s. Then one action at a time is tried, until ${limits.successes} have succeeded.\nSee ./vigil actions --policy ${policy}`
      : `${limits.successes} actions in a row succeeded.`,
    isResolved: !isOpening,
  });
}
