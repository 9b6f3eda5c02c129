import type { AuditEvent } from '../domain/audit';
import { query, type Db } from './database';

/**
 * Inserts audit rows in the caller's transaction and wakes the sealer at commit; a row of the same
 * action, step and event is written once.
 */
export async function insertAudit(db: Db, events: readonly AuditEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event, i) => ({ ...event, place: i }));
  await query(
    db,
    `insert into audit_events
       (namespace, resource, policy, action_id, step, event, actor, door, correlation_id, policy_revision, inputs_hash, details)
     select namespace, resource, policy, "actionId", step, event, actor, door, "correlationId",
       "policyRevision", "inputsHash", details
     from jsonb_to_recordset($1) as r(place int, namespace text, resource text, policy text,
       "actionId" uuid, step int, event text, actor text, door text, "correlationId" text,
       "policyRevision" bigint, "inputsHash" text, details jsonb)
     order by place
     on conflict do nothing`,
    [JSON.stringify(rows)],
  );
  await query(db, `select pg_notify('vigil_audit', '')`);
}
