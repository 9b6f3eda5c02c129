import type { Pool } from 'pg';
import { inTransaction } from '../../storage/database';
import {
  clearedIncidents,
  decidedApprovals,
  heldNoMore,
  longHeld,
  lockStanding,
  prunesNoMore,
} from '../../storage/notice-standing';
import { insertNotice } from '../../storage/notices';
import { heldNotice, resolvedNotice } from './words';

/**
 * Writes the notices that no event writes: what has been held for too long, and the ends of incidents
 * that time or a sample ended. One process at a time; answers how many it wrote.
 */
export async function tellStanding(pool: Pool, heldAfterMs: number): Promise<number> {
  return inTransaction(pool, async (db) => {
    if (!(await lockStanding(db))) return 0;
    const held = (await longHeld(db, heldAfterMs)).map(heldNotice);
    const free = (await heldNoMore(db)).map((open) =>
      resolvedNotice(open, 'It is held no longer.'),
    );
    const cleared = (await clearedIncidents(db)).map((open) =>
      resolvedNotice(open, 'The condition is no longer true, or an action has helped.'),
    );
    const decided = (await decidedApprovals(db)).map((open) =>
      resolvedNotice(open, 'Nobody has to decide any more.'),
    );
    const pruned = (await prunesNoMore(db)).map((open) =>
      resolvedNotice(open, 'This revision waits no longer.'),
    );
    const all = [...held, ...free, ...cleared, ...decided, ...pruned];
    for (const notice of all) await insertNotice(db, notice);
    return all.length;
  });
}
