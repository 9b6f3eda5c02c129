import { query, type Db } from './database';

export interface QueueStats {
  outbox: { pending: number; oldestSeconds: number | null };
  requests: { awaitingApproval: number; open: number; granted: number };
  slots: number;
}

interface Row {
  pending: number;
  oldest: number | null;
  awaiting: number;
  open: number;
  granted: number;
  slots: number;
}

/** How much waits: messages for the dispatcher, requests for admission, slots held. */
export async function queueStats(db: Db): Promise<QueueStats> {
  const [row] = await query<Row>(
    db,
    `select o.pending, o.oldest, r.awaiting, r.open, r.granted, (select count(*) from slots) as slots
     from (select count(*) as pending,
                  extract(epoch from clock_timestamp() - min(created_at))::float8 as oldest from outbox) o,
          (select count(*) filter (where state = 'awaiting_approval') as awaiting,
                  count(*) filter (where state = 'open') as open,
                  count(*) filter (where state = 'granted') as granted
           from requests where state in ('awaiting_approval', 'open', 'granted')) r`,
  );
  if (row === undefined) throw new Error('an aggregate query returned no row');
  return {
    outbox: { pending: row.pending, oldestSeconds: row.oldest },
    requests: { awaitingApproval: row.awaiting, open: row.open, granted: row.granted },
    slots: row.slots,
  };
}
