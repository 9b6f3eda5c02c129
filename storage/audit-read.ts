import { query, type Db } from './database';

/** An audit row as people read it. `at` in epoch ms; `seal` and `hash` are null until it is sealed. */
export interface AuditRow {
  id: number;
  at: number;
  namespace: string;
  resource: string | null;
  policy: string | null;
  actionId: string | null;
  step: number;
  event: string;
  actor: string;
  door: string;
  requestId: string | null;
  policyRevision: number | null;
  details: Record<string, unknown>;
  seal: number | null;
  hash: string | null;
}

const COLUMNS = `e.id, e.at, e.namespace, e.resource, e.policy, e.action_id as "actionId", e.step, e.event, e.actor,
  e.door, e.correlation_id as "requestId", e.policy_revision as "policyRevision", e.details, s.seal, s.hash`;

export interface AuditFilter {
  resource: string | null;
  action: string | null;
  namespace: string | null;
}

/** Audit rows, newest first, with an id below `before`. */
export async function listAudit(
  db: Db,
  filter: AuditFilter,
  page: { before: number | null; limit: number },
): Promise<AuditRow[]> {
  return query<AuditRow>(
    db,
    `select ${COLUMNS} from audit_events e left join audit_seals s on s.event_id = e.id
     where ($1::text is null or e.resource = $1) and ($2::uuid is null or e.action_id = $2)
       and ($3::text is null or e.namespace = $3) and ($4::bigint is null or e.id < $4)
     order by e.id desc limit $5`,
    [filter.resource, filter.action, filter.namespace, page.before, page.limit],
  );
}

/** Everything about one action, in the order in which it happened. */
export async function auditOfAction(db: Db, action: string): Promise<AuditRow[]> {
  return query<AuditRow>(
    db,
    `select ${COLUMNS} from audit_events e left join audit_seals s on s.event_id = e.id
     where e.action_id = $1 order by e.id`,
    [action],
  );
}

/** Sealed rows after a seal, in the order of sealing; `namespace` null: of all. */
export async function sealedAfter(
  db: Db,
  { seal, namespace, limit }: { seal: number; namespace: string | null; limit: number },
): Promise<(AuditRow & { seal: number; hash: string })[]> {
  return query<AuditRow & { seal: number; hash: string }>(
    db,
    `select ${COLUMNS} from audit_seals s join audit_events e on e.id = s.event_id
     where s.seal > $1 and ($2::text is null or s.namespace = $2) order by s.seal limit $3`,
    [seal, namespace, limit],
  );
}
