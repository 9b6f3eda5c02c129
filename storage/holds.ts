import type { Hold } from '../domain/action/action';
import { insertAudit } from './audit';
import { query, type Db } from './database';
import type { EpisodeKey } from './decision-facts';

/** Which (policy, resource) of which episode is held. */
export interface HeldKey extends EpisodeKey {
  episode: number;
  namespace: string;
  policyRevision: number;
}

/**
 * Remembers what holds a policy; an audit row is written only when the gate changes.
 *
 * @returns whether it did
 */
export async function saveHold(db: Db, key: HeldKey, hold: Hold): Promise<boolean> {
  const changed = await query(
    db,
    `insert into episodes (resource, policy, generation, episode, held_gate, held_detail, held_until, held_since)
     values ($1, $2, $3, $4, $5, $6, to_timestamp($7::float8 / 1000), clock_timestamp())
     on conflict (resource, policy, generation) do update set
       held_gate = excluded.held_gate, held_detail = excluded.held_detail, held_until = excluded.held_until,
       held_since = excluded.held_since
     where episodes.held_gate is distinct from excluded.held_gate
        or episodes.held_until is distinct from excluded.held_until
     returning 1`,
    [key.resource, key.policy, key.generation, key.episode, hold.gate, hold.detail, hold.until],
  );
  if (changed.length === 0) return false;
  await countHolds(db, [hold.gate]);
  await insertAudit(db, [
    {
      namespace: key.namespace,
      resource: key.resource,
      policy: key.policy,
      actionId: null,
      step: -1,
      event: 'held',
      actor: `policy:${key.policy}`,
      door: 'policy',
      correlationId: null,
      policyRevision: key.policyRevision,
      details: {
        gate: hold.gate,
        detail: hold.detail,
        until: hold.until === null ? null : new Date(hold.until).toISOString(),
      },
    },
  ]);
  return true;
}

/** Counts that gates began to hold something, one entry for each thing held. */
export async function countHolds(db: Db, gates: readonly string[]): Promise<void> {
  // In one order, so that two transactions never wait for each other.
  const reasons = [...new Set(gates)].sort();
  for (const reason of reasons) {
    await query(
      db,
      `insert into gate_holds (reason, held) values ($1, $2)
       on conflict (reason) do update set held = gate_holds.held + excluded.held`,
      [reason, gates.filter((gate) => gate === reason).length],
    );
  }
}

/** How often each gate began to hold something since the database was made. */
export async function loadHoldCounts(db: Db): Promise<{ reason: string; held: number }[]> {
  return query<{ reason: string; held: number }>(
    db,
    'select reason, held from gate_holds order by reason',
  );
}

/** What holds the requests of a resource that wait for a slot, by policy. */
export async function loadQueued(
  db: Db,
  resource: string,
): Promise<Map<string, { gate: string; detail: string; since: number; until: number | null }>> {
  const rows = await query<{
    policy: string;
    gate: string;
    detail: string;
    since: number;
    until: number | null;
  }>(
    db,
    `select policy, held_gate as gate, held_detail as detail, held_since as since, held_until as until
       from requests where resource = $1 and state = 'open' and policy is not null
        and held_gate is not null`,
    [resource],
  );
  return new Map(rows.map(({ policy, ...held }) => [policy, held]));
}
