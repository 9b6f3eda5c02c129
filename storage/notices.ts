import type { Notice, NoticeKind } from '../domain/notice';
import { query, type Db } from './database';

/** Heard by the notifiers: there is something to tell. */
export const NOTICE_CHANNEL = 'vigil_notice';

/**
 * Writes a notice in the caller's transaction: it is told if that commits, whatever happens to the
 * channels. Answers its id; null when a notice with the same `once` is there already.
 */
export async function insertNotice(db: Db, notice: Notice): Promise<number | null> {
  const [row] = await query<{ id: number }>(
    db,
    `insert into notices (kind, key, namespace, resource, policy, action_id, severity, title, text, resolved, channel, once)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     on conflict (once) where once is not null do nothing
     returning id, pg_notify('vigil_notice', '')`,
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
      notice.channel ?? null,
      notice.once ?? null,
    ],
  );
  return row?.id ?? null;
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
