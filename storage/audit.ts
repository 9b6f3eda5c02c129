import type { AuditEvent } from '../domain/audit';
import { query, type Db } from './database';

/**
 * Inserts audit rows in the caller's transaction and wakes the sealer at commit; a row of the same
 * action, step and event is written once.
 */
export async function insertAudit(db: Db, events: readonly AuditEvent[]): Promise<void> {
  for (const e of events) {
    await query(
      db,
      `insert into audit_events
         (namespace, resource, policy, action_id, step, event, actor, door, correlation_id, policy_revision, inputs_hash, details)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
       on conflict do nothing`,
      [
        e.namespace,
        e.resource,
        e.policy,
        e.actionId,
        e.step,
        e.event,
        e.actor,
        e.door,
        e.correlationId,
        e.policyRevision,
        e.inputsHash ?? null,
        JSON.stringify(e.details),
      ],
    );
  }
  if (events.length > 0) await query(db, `select pg_notify('vigil_audit', '')`);
}
