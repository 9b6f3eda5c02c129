import type { ObservedState } from '../domain/action/runtime';
import type { Change } from '../domain/drift/change';
import { query, type Db } from './database';

/** What was seen of a resource last. */
export interface StateRow {
  observed: ObservedState;
  changes: Change[];
  observer: string;
  /** Epoch ms. */
  observedAt: number;
}

/** Null: nobody has seen it yet. */
export async function getState(db: Db, resource: string): Promise<StateRow | null> {
  const [row] = await query<StateRow & Record<string, unknown>>(
    db,
    `select observed, changes, observer, observed_at as "observedAt" from states where resource = $1`,
    [resource],
  );
  return row ?? null;
}
