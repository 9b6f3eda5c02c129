import type { Pool } from 'pg';
import {
  decideAdmission,
  type Decision,
  type HeldSlot,
  type WaitingRequest,
} from '../domain/action/admission';
import type { ActionPlan } from '../domain/action/action';
import { insertAudit } from './audit';
import { databaseNow } from './clock';
import { inTransaction, query, type Db } from './database';
import { loadSharedFacts } from './gate-facts';
import { countHolds } from './holds';
import { enqueue, OUTBOX_PRIORITY } from './outbox';
import { auditOf, setRequestState, showState } from './requests';
import { closeStorms, openStorm } from './storms';

const ADMISSION_LOCK = 7_846_110;

/** More of each policy's requests than it has free slots are looked at, in case some of them are held. */
const MARGIN = 16;

interface AdmitOptions {
  /** Its grant is answered to the caller instead of being signalled. */
  own?: string;
  /** Looks at every request, so that each says what holds it now; else at those that may get a slot. */
  isThorough?: boolean;
}

/**
 * Grants every slot that can be granted, in order of (severity, since). Call it after the request
 * row, the release or the resume is committed.
 *
 * Nobody waits for the lock: who finds it taken leaves, because the holder looks again after
 * unlocking, and sees whatever was committed before the lock was found taken.
 *
 * @returns the hold of `own` while it stays queued, else null
 */
export async function admit(pool: Pool, options: AdmitOptions = {}): Promise<Decision | null> {
  let mine: Decision | null = null;
  for (;;) {
    const pass = await inTransaction(pool, (db) => admitOnce(db, options));
    if (pass === null) return mine;
    mine = pass.decisions.find((d) => d.actionId === options.own) ?? mine;
    const now = await fingerprint(pool);
    if (now === pass.fingerprint) return mine;
  }
}

async function admitOnce(
  db: Db,
  options: AdmitOptions,
): Promise<{ decisions: Decision[]; fingerprint: string } | null> {
  const [lock] = await query<{ taken: boolean }>(
    db,
    'select pg_try_advisory_xact_lock($1) as taken',
    [ADMISSION_LOCK],
  );
  if (lock?.taken !== true) return null;
  // Before anything is looked at: what is committed from now on is seen as a difference afterwards.
  const seen = await fingerprint(db);
  const now = await databaseNow(db);
  await closeStorms(db, now);
  const waiting = await loadWaiting(db, options);
  if (waiting.rows.length === 0) return { decisions: [], fingerprint: seen };
  const held = await loadSlots(db);
  let pass = await decide(db, waiting.rows, { held, now });
  if (isCutShort(waiting, held, pass.decisions)) {
    const all = await loadWaiting(db, { ...options, isThorough: true });
    pass = await decide(db, all.rows, { held, now });
  }
  await carryOut(db, pass, options);
  return { decisions: pass.decisions, fingerprint: seen };
}

interface WaitingRow extends Pick<
  WaitingRequest,
  'policy' | 'target' | 'severity' | 'since' | 'maxConcurrent' | 'isForced'
> {
  actionId: string;
  heldGate: string | null;
  heldDetail: string | null;
}

interface Pass {
  decisions: Decision[];
  rows: readonly WaitingRow[];
}

async function decide(
  db: Db,
  rows: readonly WaitingRow[],
  { held, now }: { held: readonly HeldSlot[]; now: number },
): Promise<Pass> {
  const claims = rows.map(({ policy, target }) => ({ policy, resource: target }));
  const facts = await loadSharedFacts(db, claims, { now });
  const waiting = rows.map((row) => ({
    ...row,
    ...facts.of({ policy: row.policy, resource: row.target }),
  }));
  const decisions = decideAdmission(waiting, { held, groups: facts.loads, now });
  return { decisions, rows };
}

async function loadSlots(db: Db): Promise<HeldSlot[]> {
  return query<HeldSlot & Record<string, unknown>>(
    db,
    'select action_id as "actionId", policy, target from slots',
  );
}

interface Waiting {
  rows: WaitingRow[];
  /** Policies of which some requests were left out. */
  cut: { policy: string | null; maxConcurrent: number | null }[];
}

/**
 * The requests that wait. Of a policy with more of them than it has free slots, the most urgent
 * ones, unless all are asked for.
 */
async function loadWaiting(db: Db, { own, isThorough = false }: AdmitOptions): Promise<Waiting> {
  const rows = await query<WaitingRow & { isLeftOut: boolean }>(
    db,
    `with ranked as (
       select action_id, policy, target, severity, since, max_concurrent, forced, held_gate, held_detail,
              row_number() over (partition by policy order by
                array_position(array['critical', 'warning', 'info'], severity), since, action_id) as rank
         from requests where state = 'open'),
     acting as (select policy, count(*) as slots from slots group by policy)
     select action_id as "actionId", r.policy, target, severity, since, max_concurrent as "maxConcurrent",
            forced as "isForced", held_gate as "heldGate", held_detail as "heldDetail",
            rank = $1 + 1 + greatest(0, max_concurrent - coalesce(a.slots, 0)) as "isLeftOut"
       from ranked r left join acting a on a.policy is not distinct from r.policy
      where $2 or max_concurrent is null or action_id = $3
         or rank <= $1 + 1 + greatest(0, max_concurrent - coalesce(a.slots, 0))`,
    [MARGIN, isThorough, own ?? null],
  );
  if (isThorough) return { rows, cut: [] };
  return {
    rows: rows.filter((row) => !row.isLeftOut || row.actionId === own),
    cut: rows.filter((row) => row.isLeftOut),
  };
}

/** Whether a policy has slots left although requests of it were left out: those looked at were held. */
function isCutShort(
  { cut, rows }: Waiting,
  held: readonly HeldSlot[],
  decisions: readonly Decision[],
): boolean {
  const granted = new Set(decisions.filter((d) => d.kind === 'granted').map((d) => d.actionId));
  return cut.some(({ policy, maxConcurrent }) => {
    const before = held.filter((slot) => slot.policy === policy).length;
    const now = rows.filter((row) => row.policy === policy && granted.has(row.actionId)).length;
    return maxConcurrent !== null && before + now < maxConcurrent;
  });
}

async function carryOut(db: Db, { decisions, rows }: Pass, options: AdmitOptions): Promise<void> {
  const byId = new Map(rows.map((row) => [row.actionId, row]));
  const queued: (Decision & { kind: 'queued' })[] = [];
  const storms = new Map<string, string>();
  for (const decision of decisions) {
    const row = byId.get(decision.actionId);
    if (row === undefined) continue;
    if (decision.kind === 'granted') {
      await grant(db, row, { isOwn: decision.actionId === options.own });
      continue;
    }
    const { gate, detail, group } = decision.hold;
    if (gate !== row.heldGate || detail !== row.heldDetail) queued.push(decision);
    if (group !== undefined) storms.set(group, detail);
  }
  for (const [group, reason] of storms) await openStorm(db, group, reason);
  await saveQueued(db, queued, byId);
}

/** Writes what holds each request now; an audit row when it is queued for the first time. */
async function saveQueued(
  db: Db,
  queued: readonly (Decision & { kind: 'queued' })[],
  rows: ReadonlyMap<string, WaitingRow>,
): Promise<void> {
  if (queued.length === 0) return;
  const columns = [
    queued.map((d) => d.actionId),
    queued.map((d) => d.hold.gate),
    queued.map((d) => d.hold.detail),
    queued.map((d) => d.hold.until),
  ];
  await query(
    db,
    `update requests r set held_gate = h.gate, held_detail = h.detail,
            held_until = to_timestamp(h.until / 1000),
            held_since = case when r.held_gate is distinct from h.gate then clock_timestamp() else r.held_since end
       from unnest($1::uuid[], $2::text[], $3::text[], $4::float8[]) as h (id, gate, detail, until)
      where r.action_id = h.id and r.state = 'open'`,
    columns,
  );
  const changed = queued.filter((d) => rows.get(d.actionId)?.heldGate !== d.hold.gate);
  await countHolds(
    db,
    changed.map((d) => d.hold.gate),
  );
  const first = queued.filter((d) => rows.get(d.actionId)?.heldGate === null);
  const plans = await loadPlans(
    db,
    first.map((d) => d.actionId),
  );
  await insertAudit(
    db,
    first.flatMap(({ actionId, hold }) => {
      const plan = plans.get(actionId)?.plan;
      return plan === undefined
        ? []
        : [auditOf(plan, 'queued', { gate: hold.gate, detail: hold.detail })];
    }),
  );
}

async function loadPlans(
  db: Db,
  ids: readonly string[],
): Promise<Map<string, { plan: ActionPlan; waiter: string }>> {
  const rows = await query<{ id: string; plan: ActionPlan; waiter: string }>(
    db,
    'select action_id as id, plan, waiter from requests where action_id = any($1)',
    [ids],
  );
  return new Map(rows.map(({ id, ...rest }) => [id, rest]));
}

/** Nothing happens if the request was withdrawn since it was looked at. */
async function grant(db: Db, row: WaitingRow, options: { isOwn: boolean }): Promise<void> {
  const [locked] = await query<{ plan: ActionPlan; waiter: string }>(
    db,
    `select plan, waiter from requests where action_id = $1 and state = 'open' for update skip locked`,
    [row.actionId],
  );
  if (locked === undefined) return;
  const { plan, waiter } = locked;
  const [slot] = await query<{ token: number }>(
    db,
    'insert into slots (action_id, target, policy) values ($1, $2, $3) returning token',
    [row.actionId, row.target, row.policy],
  );
  const token = slot?.token ?? 0;
  await setRequestState(db, row.actionId, 'granted');
  await showState(db, row.actionId, 'admitted');
  await insertAudit(db, [auditOf(plan, 'admitted', { token })]);
  if (!options.isOwn) await tellGrant(db, { plan, token, waiter });
}

/** Tells whoever waits for a slot that it is granted; hearing it twice does no harm. */
export async function tellGrant(
  db: Db,
  { plan, token, waiter }: { plan: ActionPlan; token: number; waiter: string },
): Promise<void> {
  await enqueue(db, {
    workflowId: waiter,
    kind: 'slotGranted',
    action: plan.actionId,
    payload: { plan, token },
    starts: waiter.startsWith('resource/'),
    priority: OUTBOX_PRIORITY.fact,
    correlationId: plan.correlationId,
  });
}

/** What a pass saw; another value afterwards, its own grants too, means that it must look again. */
async function fingerprint(db: Db): Promise<string> {
  const [row] = await query<{ seen: string }>(
    db,
    `select (select count(*) || ':' || coalesce(bit_xor(hashtextextended(action_id::text, 0)), 0) from requests where state = 'open')
         || ';' || (select count(*) || ':' || coalesce(bit_xor(hashtextextended(action_id::text, 0)), 0) from slots) as seen`,
  );
  return row?.seen ?? '';
}
