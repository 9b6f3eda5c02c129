import type { NoticeKind } from '../domain/notice';
import type { Severity } from '../domain/policy/policy';
import { query, type Db } from './database';

/** How one channel stands with one notice. Times are epoch ms. */
export interface DeliveryRow {
  channel: string;
  state: 'waiting' | 'sent' | 'given_up' | 'dropped';
  attempts: number;
  sentAt: string | null;
  /** When it is tried next, while it waits. */
  dueAt: string | null;
  error: string | null;
}

/** A notice as people read it. `at` and `closedAt` in epoch ms. */
export interface NoticeRow {
  id: number;
  kind: NoticeKind;
  key: string;
  namespace: string;
  resource: string | null;
  policy: string | null;
  actionId: string | null;
  severity: Severity;
  title: string;
  text: string;
  isResolved: boolean;
  state: 'new' | 'open' | 'closed' | 'repeat' | 'end';
  at: number;
  closedAt: number | null;
  deliveries: DeliveryRow[];
}

/** RFC 3339 in UTC, as the API tells every time. */
const ISO = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

const NOTICES = `select n.id, n.kind, n.key, n.namespace, n.resource, n.policy, n.action_id as "actionId", n.severity,
    n.title, n.text, n.resolved as "isResolved", n.state, n.created_at as at, n.closed_at as "closedAt",
    coalesce((select jsonb_agg(jsonb_build_object('channel', d.channel, 'state', d.state, 'attempts', d.attempts,
        'sentAt', to_char(d.sent_at, ${ISO}), 'error', d.error,
        'dueAt', case when d.state = 'waiting' then to_char(d.due_at, ${ISO}) end) order by d.channel)
      from notice_deliveries d where d.notice_id = n.id), '[]') as deliveries
  from notices n`;

export interface NoticeFilter {
  kind: string | null;
  /** True: only incidents that stand; false: only the others; null: all. */
  isOpen: boolean | null;
}

/** Notices, newest first, with an id below `before`. */
export async function listNotices(
  db: Db,
  filter: NoticeFilter,
  page: { before: number | null; limit: number },
): Promise<NoticeRow[]> {
  return query<NoticeRow & Record<string, unknown>>(
    db,
    `${NOTICES}
     where ($1::text is null or n.kind = $1)
       and ($2::boolean is null or (n.state in ('new', 'open') and not n.resolved) = $2)
       and ($3::bigint is null or n.id < $3)
     order by n.id desc limit $4`,
    [filter.kind, filter.isOpen, page.before, page.limit],
  );
}

/** One notice, or null. */
export async function getNotice(db: Db, id: number): Promise<NoticeRow | null> {
  const [row] = await query<NoticeRow & Record<string, unknown>>(db, `${NOTICES} where n.id = $1`, [
    id,
  ]);
  return row ?? null;
}

/** Names of the channels that a worker had lately. */
export async function listChannels(db: Db): Promise<string[]> {
  const SEEN = '10 minutes';
  const rows = await query<{ channel: string }>(
    db,
    `select channel from notice_channels
      where seen_at > clock_timestamp() - $1::interval order by channel`,
    [SEEN],
  );
  return rows.map(({ channel }) => channel);
}
