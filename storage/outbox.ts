import { query, type Db } from './database';

/** Smaller goes first. */
export const OUTBOX_PRIORITY = { firing: 0, fact: 1, pending: 2 } as const;

export interface OutboxMessage {
  workflowId: string;
  /** Signal name. */
  kind: string;
  /** Action id for facts that do not coalesce; '' for verdictsChanged and desiredChanged. */
  action: string;
  payload: unknown;
  /** signalWithStart; else only to a running workflow. */
  starts: boolean;
  priority: number;
  correlationId: string | null;
}

/** Writes a message in the transaction that caused it and wakes the dispatcher at commit. */
export async function enqueue(db: Db, message: OutboxMessage): Promise<void> {
  await query(
    db,
    `insert into outbox (workflow_id, kind, action, payload, starts, priority, correlation_id)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (workflow_id, kind, action) do update set
       payload = excluded.payload, starts = outbox.starts or excluded.starts,
       priority = least(outbox.priority, excluded.priority),
       change = nextval('outbox_change'), attempts = 0, next_attempt_at = now(),
       correlation_id = excluded.correlation_id`,
    [
      message.workflowId,
      message.kind,
      message.action,
      JSON.stringify(message.payload),
      message.starts,
      message.priority,
      message.correlationId,
    ],
  );
  await query(db, `select pg_notify('vigil_outbox', '')`);
}
