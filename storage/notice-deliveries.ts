import { createHash, randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { ToldNotice } from '../domain/channel';
import { inTransaction, query, type Db } from './database';

/** Deliveries looked at in one round of one channel. */
const LOOK = 1000;
const MINUTE_MS = 60_000;

export interface ClaimOptions {
  channel: string;
  /** Tries a minute, of all workers together. */
  perMinute: number;
  /** Notices in one message. */
  largest: number;
  /** Nobody else takes them for so long. */
  leaseMs: number;
}

/** What one message tells; it is this caller's until the lease ends. */
export interface Claim {
  /** Of this try. */
  message: string;
  /** Of these words: the same when they are tried again. */
  wordsId: string;
  notices: Omit<ToldNotice, 'url'>[];
}

interface Due {
  notice_id: number;
  group_key: string;
}

const RANK = `case n.severity when 'critical' then 0 when 'warning' then 1 else 2 end`;
/** The end of an incident waits for what still tells its beginning. */
const IS_FREE = `d.state = 'waiting' and (d.leased_until is null or d.leased_until < clock_timestamp())
  and not (n.state = 'end' and exists (
    select 1 from notice_deliveries o
     where o.notice_id = n.opening and o.channel = d.channel and o.state = 'waiting'))`;

/**
 * Takes what a channel is to tell next: the worst group that is due. What would exceed the channel's
 * rate waits, and the last message of a minute takes everything that is due. Null: nothing to do now.
 */
export async function claimMessage(pool: Pool, options: ClaimOptions): Promise<Claim | null> {
  return inTransaction(pool, async (db) => {
    // One claims for a channel at a time, so that the rate is kept by all workers together.
    const [lock] = await query<{ held: boolean }>(
      db,
      'select pg_try_advisory_xact_lock(hashtextextended($1, 7846151)) as held',
      [options.channel],
    );
    if (lock?.held !== true) return null;
    await dropUntoldEnds(db, options.channel);
    const due = await loadDue(db, options.channel);
    const [first] = due;
    if (first === undefined) return null;
    const left = options.perMinute - (await triesOfMinute(db, options.channel));
    if (left <= 0) return null;
    const isLast = left === 1 && due.some(({ group_key: key }) => key !== first.group_key);
    const group = isLast ? null : first.group_key;
    return take(db, options, { group, due });
  });
}

async function dropUntoldEnds(db: Db, channel: string): Promise<void> {
  await query(
    db,
    `update notice_deliveries d set state = 'dropped'
       from notices n, notice_deliveries o
      where d.channel = $1 and d.state = 'waiting' and n.id = d.notice_id and n.state = 'end'
        and o.notice_id = n.opening and o.channel = d.channel and o.state <> 'waiting'
        and o.told_at is null and not o.maybe_told`,
    [channel],
  );
}

async function loadDue(db: Db, channel: string): Promise<Due[]> {
  return query<Due & Record<string, unknown>>(
    db,
    `select d.notice_id, d.group_key from notice_deliveries d join notices n on n.id = d.notice_id
      where d.channel = $1 and d.due_at <= clock_timestamp() and ${IS_FREE}
      order by ${RANK}, d.due_at, d.notice_id limit $2`,
    [channel, LOOK],
  );
}

async function triesOfMinute(db: Db, channel: string): Promise<number> {
  const [row] = await query<{ tries: number }>(
    db,
    `select count(distinct message) as tries from notice_deliveries
      where channel = $1 and attempted_at > clock_timestamp() - make_interval(secs => $2::float8 / 1000)`,
    [channel, MINUTE_MS],
  );
  return row?.tries ?? 0;
}

/** Leases the group, with what came for it since and would be due later; group null: all that is due. */
async function take(
  db: Db,
  { channel, largest, leaseMs }: ClaimOptions,
  { group, due }: { group: string | null; due: readonly Due[] },
): Promise<Claim | null> {
  const message = randomUUID();
  const ids = due.map(({ notice_id: id }) => id);
  const notices = await query<ClaimedRow>(
    db,
    `with taken as (
       select d.notice_id from notice_deliveries d join notices n on n.id = d.notice_id
        where d.channel = $1 and ${IS_FREE}
          and case when $2::text is null then d.notice_id = any($3)
                   else d.group_key = $2 and (d.notice_id = any($3) or d.attempts = 0) end
        order by ${RANK}, d.due_at, d.notice_id limit $4 for update of d skip locked),
     leased as (
       update notice_deliveries d
          set message = $5, attempts = attempts + 1, attempted_at = clock_timestamp(),
              leased_until = clock_timestamp() + make_interval(secs => $6::float8 / 1000)
         from taken where taken.notice_id = d.notice_id and d.channel = $1
       returning d.*)
     select ${TOLD} from leased d join notices n on n.id = d.notice_id
       left join notices o on o.id = n.opening
       left join notice_deliveries od on od.notice_id = o.id and od.channel = d.channel
      order by ${RANK}, n.id`,
    [channel, group, ids, largest, message, leaseMs],
  );
  if (notices.length === 0) return null;
  const words = notices.map(({ id, sentAt }) => `${id}/${sentAt ?? ''}`).sort();
  return {
    message,
    wordsId: createHash('sha256').update(words.join(' ')).digest('hex').slice(0, 32),
    notices: notices.map(({ sentAt, ...notice }) => ({ ...notice, isReminder: sentAt !== null })),
  };
}

type ClaimedRow = Omit<ToldNotice, 'url' | 'isReminder'> & { sentAt: number | null };

/** Who and how bad is said by the beginning of an incident: receivers match its end by that. */
const TOLD = `n.id, n.kind, n.key, n.namespace, n.title, n.text, n.resolved as "isResolved", n.created_at as at,
  coalesce(o.resource, n.resource) as resource, coalesce(o.policy, n.policy) as policy,
  coalesce(o.action_id, n.action_id) as "actionId", coalesce(o.severity, n.severity) as severity,
  coalesce(o.created_at, n.created_at) as since, coalesce(d.thread, od.thread) as thread,
  d.sent_at as "sentAt"`;

/** The receiver took the message. */
export async function markSent(
  db: Db,
  claim: Pick<Claim, 'message'>,
  thread: string | null,
): Promise<void> {
  await query(
    db,
    `update notice_deliveries set state = 'sent', sent_at = clock_timestamp(),
            told_at = coalesce(told_at, clock_timestamp()), thread = coalesce(thread, $2),
            leased_until = null, error = null
      where message = $1 and state = 'waiting'`,
    [claim.message, thread],
  );
}

export interface Failure {
  /** Without secrets. */
  error: string;
  mayHaveTold: boolean;
  /** Not before that; null: as the number of tries says. */
  retryAfterMs: number | null;
  /** First pause; it doubles with each try. */
  retryMs: number;
  longestRetryMs: number;
  giveUpAfterMs: number;
}

/**
 * The receiver did not take it: tried again later, or given up once that has gone on for too long.
 * Answers how many were given up.
 */
export async function markFailed(
  db: Db,
  claim: Pick<Claim, 'message'>,
  failure: Failure,
): Promise<number> {
  const rows = await query<{ state: string }>(
    db,
    `update notice_deliveries d set
       error = $2, maybe_told = d.maybe_told or $3, leased_until = null,
       due_at = clock_timestamp() + make_interval(secs => greatest($4::float8,
         least($6::float8, $5::float8 * power(2, least(d.attempts, 20) - 1))) / 1000),
       state = case
         when n.state = 'closed' and exists (select 1 from notices e where e.opening = n.id and e.state = 'end')
           then case when d.told_at is null then 'dropped' else 'sent' end
         when greatest(n.created_at, d.sent_at) < clock_timestamp() - make_interval(secs => $7::float8 / 1000)
           then 'given_up'
         else 'waiting' end
     from notices n where n.id = d.notice_id and d.message = $1 and d.state = 'waiting'
     returning d.state`,
    [
      claim.message,
      failure.error,
      failure.mayHaveTold,
      failure.retryAfterMs ?? 0,
      failure.retryMs,
      failure.longestRetryMs,
      failure.giveUpAfterMs,
    ],
  );
  return rows.filter(({ state }) => state === 'given_up').length;
}
