import type { Notice, NoticeKind } from '../domain/notice';
import { query, type Db } from './database';

/** Writes a notice in the caller's transaction: it is told if that commits, whatever happens to the channels. */
export async function insertNotice(db: Db, notice: Notice): Promise<void> {
  await query(
    db,
    `insert into notices (kind, key, namespace, resource, policy, action_id, severity, title, text, resolved)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      notice.kind,
      notice.key,
      notice.namespace,
      notice.resource,
      notice.policy,
      notice.actionId,
      notice.severity,
      notice.title,
      notice.text,
      notice.isResolved,
    ],
  );
}

/** What people were told of an action, of one kind, and not yet that it is over. */
export async function listOpenNotices(
  db: Db,
  actionId: string,
  kind: NoticeKind,
): Promise<Notice[]> {
  return query<Notice & Record<string, unknown>>(
    db,
    `select kind, key, namespace, resource, policy, action_id as "actionId", severity, title, text,
            resolved as "isResolved"
       from (select distinct on (key) * from notices where action_id = $1 and kind = $2
              order by key, id desc) newest
      where not resolved order by key`,
    [actionId, kind],
  );
}
