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

/** A message as the dispatcher reads it. */
export interface DueMessage extends OutboxMessage {
  /** Grows with every overwrite. */
  change: number;
  attempts: number;
  /** Epoch ms. */
  createdAt: number;
}

/** Writes a message in the transaction that caused it and wakes the dispatcher at commit. */
export async function enqueue(db: Db, message: OutboxMessage): Promise<void> {
  await enqueueAll(db, [message]);
}

/** Writes messages, at most one per (workflow, kind, action), in the transaction that caused them. */
export async function enqueueAll(db: Db, messages: readonly OutboxMessage[]): Promise<void> {
  if (messages.length === 0) return;
  await query(
    db,
    `insert into outbox (workflow_id, kind, action, payload, starts, priority, correlation_id)
     select "workflowId", kind, action, payload, starts, priority, "correlationId"
     from jsonb_to_recordset($1) as r("workflowId" text, kind text, action text, payload jsonb,
       starts boolean, priority smallint, "correlationId" text)
     on conflict (workflow_id, kind, action) do update set
       payload = excluded.payload, starts = outbox.starts or excluded.starts,
       priority = least(outbox.priority, excluded.priority),
       change = nextval('outbox_change'), attempts = 0, next_attempt_at = now(),
       correlation_id = excluded.correlation_id`,
    [JSON.stringify(messages)],
  );
  await query(db, `select pg_notify('vigil_outbox', '')`);
}

/** Names one row; `change` says which of its contents. */
export type MessageKey = Pick<DueMessage, 'workflowId' | 'kind' | 'action' | 'change'>;

/** Messages to send now, most urgent first, without those of `inFlight` (texts of messageId). */
export async function loadDue(
  db: Db,
  options: { limit: number; inFlight: readonly string[] },
): Promise<DueMessage[]> {
  return query<DueMessage & Record<string, unknown>>(
    db,
    `select workflow_id as "workflowId", kind, action, change, payload, starts, priority,
       correlation_id as "correlationId", attempts, created_at as "createdAt"
     from outbox
     where next_attempt_at <= clock_timestamp()
       and concat_ws(' ', workflow_id, kind, action) <> all($2)
     order by priority, next_attempt_at, change limit $1`,
    [options.limit, options.inFlight],
  );
}

/** Text that names a row among those in flight. */
export function messageId(message: Pick<MessageKey, 'workflowId' | 'kind' | 'action'>): string {
  return `${message.workflowId} ${message.kind} ${message.action}`;
}

/** Removes a message that was delivered; one that was overwritten meanwhile stays and is sent again. */
export async function settle(db: Db, message: MessageKey): Promise<void> {
  await query(
    db,
    `delete from outbox where workflow_id = $1 and kind = $2 and action = $3 and change = $4`,
    [message.workflowId, message.kind, message.action, message.change],
  );
}

/** Keeps a message that could not be delivered and sends it again after `delayMs`. */
export async function postpone(db: Db, message: MessageKey, delayMs: number): Promise<void> {
  await query(
    db,
    `update outbox set attempts = attempts + 1,
       next_attempt_at = clock_timestamp() + $5::float8 * interval '1 millisecond'
     where workflow_id = $1 and kind = $2 and action = $3 and change = $4`,
    [message.workflowId, message.kind, message.action, message.change, delayMs],
  );
}
