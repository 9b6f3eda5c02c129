import type { ObservedState } from '../domain/action/runtime';
import type { Change } from '../domain/drift/change';
import { query, type Db } from './database';
import type { ChangedFacts } from './states';

/** What was seen of a resource last. */
export interface StateRow {
  observed: ObservedState;
  changes: Change[];
  observer: string;
  /** Epoch ms. */
  observedAt: number;
  changed: ChangedFacts;
  /** Another one with every write. */
  version: string;
}

/** Null: nobody has seen it yet. */
export async function getState(db: Db, resource: string): Promise<StateRow | null> {
  const [row] = await query<StateRow & Record<string, unknown>>(
    db,
    `select observed, changes, observer, observed_at as "observedAt", changed, xmin::text as version
     from states where resource = $1`,
    [resource],
  );
  return row ?? null;
}

/** How old the last observation is of the resource that each observer looked at the longest ago. */
export async function observationAges(
  db: Db,
  now: number,
): Promise<{ observer: string; ageSeconds: number }[]> {
  const rows = await query<{ observer: string; observedAt: number }>(
    db,
    `select observer, min(observed_at) as "observedAt" from states group by observer order by observer`,
  );
  return rows.map(({ observer, observedAt }) => ({
    observer,
    ageSeconds: Math.max(0, (now - observedAt) / 1000),
  }));
}
