import type { Hold, Outcome } from '../../../domain/action/action';
import { episodeAt } from '../../../domain/action/episode';
import { firstHold } from '../../../domain/action/gates';
import { KNOWS_NOTHING, type RequestAnswer } from '../../../domain/action/resource-state';
import {
  admit,
  closeRequest,
  enqueue,
  insertRequest,
  openRequestOf,
  pairKey,
  policyFacts,
  tellParent,
  withdraw,
  type FleetDatabase,
  type FleetRequest,
} from './database';
import { policyOf } from './world';

/**
 * The activities of the control queue and of a host as they go on the model: at each `yield` anything
 * else may happen, and the worker may die. What stands between two of them is one transaction.
 */

export type Course<T> = Generator<void, T>;

const ASK_AGAIN = { kind: 'not_firing', verdict: 'unknown', firesInMs: null } as const;

export function* request(
  db: FleetDatabase,
  { resource, policy, handled }: { resource: string; policy: string; handled: number },
): Course<RequestAnswer> {
  recordHandled(db, resource, handled);
  yield;
  const open = openRequestOf(db, resource, policy);
  if (open !== null) return yield* answerOpen(db, open);
  const seen = { ...db.verdicts.get(pairKey(resource, policy)) };
  const { verdict = 'unknown', since = 0 } = seen;
  if (verdict !== 'true') return { kind: 'not_firing', verdict, firesInMs: null };
  const firesInMs = since + policyOf(policy).forMs - db.now;
  if (firesInMs > 0) return { kind: 'not_firing', verdict, firesInMs };
  yield;
  const made = makeRequest(db, { resource, policy }, { since, clearedAt: seen.clearedAt ?? null });
  if ('gate' in made) return { kind: 'held', hold: made };
  yield;
  return yield* answerOpen(db, made);
}

function makeRequest(
  db: FleetDatabase,
  pair: { resource: string; policy: string },
  seen: { since: number; clearedAt: number | null },
): FleetRequest | Hold {
  const { resource, policy } = pair;
  const open = openRequestOf(db, resource, policy);
  if (open !== null) return open;
  const key = pairKey(resource, policy);
  const episode = episodeAt(db.episodes.get(key) ?? null, seen, policyOf(policy).cooldownMs);
  db.episodes.set(key, episode);
  const hold = firstHold(policyFacts(db, pair, episode), 'resource');
  if (hold === null) return insertRequest(db, { ...pair, ...seen, episode: episode.episode });
  db.holds.set(key, hold);
  return hold;
}

/** The answer for a request that stands; a queued one tries for its slot again. */
function* answerOpen(db: FleetDatabase, found: FleetRequest): Course<RequestAnswer> {
  const { plan, actionId } = found;
  const { state } = found;
  if (state === 'closed') return ASK_AGAIN;
  if (state === 'granted') return started(db, found);
  yield;
  const decision = admit(db, actionId);
  yield;
  const after = { ...found };
  if (after.state === 'granted') return started(db, found);
  if (after.state === 'closed') return ASK_AGAIN;
  const hold: Hold =
    decision?.kind === 'queued'
      ? decision.hold
      : { gate: 'max_concurrent', detail: 'waits for its turn', until: null };
  if (hold.gate !== 'target_busy') return { kind: 'queued', hold, plan };
  yield;
  const last = { ...found };
  if (last.state !== 'open') return yield* answerOpen(db, found);
  withdraw(db, found, 'cancelled');
  db.holds.set(pairKey(found.resource, found.policy), hold);
  return { kind: 'held', hold };
}

function started(db: FleetDatabase, { plan, actionId }: FleetRequest): RequestAnswer {
  return { kind: 'start', plan, token: db.slots.get(actionId)?.token ?? null };
}

export function* withdrawal(db: FleetDatabase, actionId: string): Course<null> {
  yield;
  const found = db.requests.get(actionId);
  const slot = db.slots.get(actionId);
  const isBegun = slot !== undefined && slot.begunAt !== null;
  if (found === undefined || found.state === 'closed' || isBegun) return null;
  withdraw(db, found, 'cancelled');
  if (slot === undefined) return null;
  tellParent(db, found);
  yield;
  admit(db);
  return null;
}

export function* acknowledge(db: FleetDatabase, resource: string, version: number): Course<null> {
  yield;
  recordHandled(db, resource, version);
  return null;
}

export function* retell(db: FleetDatabase, actionId: string): Course<null> {
  yield;
  const found = db.requests.get(actionId);
  if (found?.state === 'closed') tellParent(db, found);
  return null;
}

/** The last look before a step's effect. */
export function* begin(
  db: FleetDatabase,
  { actionId, token }: { actionId: string; token: number },
): Course<'go' | 'stop'> {
  yield;
  const found = db.requests.get(actionId);
  if (found?.state !== 'granted' || db.slots.get(actionId)?.token !== token) return 'stop';
  const pair = { resource: found.resource, policy: found.policy };
  const episode = db.episodes.get(pairKey(pair.resource, pair.policy));
  if (episode === undefined || policyFacts(db, pair, episode).pause !== null) return 'stop';
  yield;
  if (db.verdicts.get(pairKey(pair.resource, pair.policy))?.verdict !== 'true') return 'stop';
  yield;
  const slot = db.slots.get(actionId);
  if (slot?.token !== token) return 'stop';
  slot.begunAt = db.now;
  found.begunAt ??= db.now;
  return 'go';
}

/** Closes what is not closed, and tells the parent in any case. `null`: leave it open. */
export function* recordEnding(
  db: FleetDatabase,
  actionId: string,
  endingOf: (request: FleetRequest) => Outcome | null,
): Course<null> {
  yield;
  const found = db.requests.get(actionId);
  const outcome = found === undefined ? null : endingOf(found);
  if (found === undefined || outcome === null) return null;
  const isOpen = found.state !== 'closed';
  if (isOpen) closeRequest(db, found, outcome);
  tellParent(db, found);
  yield;
  if (isOpen) admit(db);
  return null;
}

/** Someone lets a pause go: who is held by it hears so. */
export function resume(db: FleetDatabase, scope: string): void {
  if (!db.pauses.delete(scope)) return;
  for (const [key, hold] of db.holds) {
    const resource = key.split(' ')[0] ?? '';
    if (hold.gate !== 'paused' || (scope !== '*' && scope !== resource)) continue;
    enqueue(db, { resource, starts: true, fact: { kind: 'gateLifted' } });
  }
}

function recordHandled(db: FleetDatabase, resource: string, version: number): void {
  const delivery = db.deliveries.get(resource);
  if (delivery === undefined) return;
  delivery.handled = version === KNOWS_NOTHING ? version : Math.max(delivery.handled, version);
}
