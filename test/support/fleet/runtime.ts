import type { Course } from './activities';
import type { FleetDatabase } from './database';

/** The world that actions act on: one thing for each resource, that shows who made it what it is. */
export interface Things {
  /** Who holds the exclusive lock of a target; it goes with the attempt. */
  locks: Map<string, object>;
  /** Key (`<action>/<step>`) that the present incarnation carries. */
  incarnations: Map<string, string>;
  /** Every effect, in order. */
  effects: Effect[];
  /** Effects under way, by target: they take a while. */
  underWay: Map<string, Effect>;
}

export interface Effect {
  key: string;
  actionId: string;
  target: string;
  token: number;
}

export function createThings(): Things {
  return { locks: new Map(), incarnations: new Map(), effects: [], underWay: new Map() };
}

export interface ExecuteCall {
  actionId: string;
  step: number;
  target: string;
  token: number;
  /** Asked once the effect is done: whether the runtime fails it. */
  fails: () => boolean;
}

/** The attempt that the lock belongs to; whoever ends it frees the lock. */
export type Attempt = object;

/** activities/runtime.ts `execute` with an inspectable runtime, journal and fences of storage/journal.ts. */
export function* execute(
  { db, things }: { db: FleetDatabase; things: Things },
  call: ExecuteCall,
  attempt: Attempt,
): Course<'done' | 'failed'> {
  const { actionId, step, target, token } = call;
  const key = `${actionId}/${step}`;
  while (things.locks.has(target)) yield;
  things.locks.set(target, attempt);
  yield;
  if (!obeys(db, call)) return 'failed';
  const entry = db.journal.get(key);
  if (entry === true) return 'done';
  db.journal.set(key, false);
  yield;
  const isDone = entry === false && things.incarnations.get(target) === key;
  if (!isDone) {
    const effect = { key, actionId, target, token };
    things.underWay.set(target, effect);
    yield;
    if (call.fails()) {
      things.underWay.delete(target);
      return 'failed';
    }
    things.effects.push(effect);
    things.incarnations.set(target, key);
    yield;
    things.underWay.delete(target);
  }
  yield;
  db.journal.set(key, true);
  return 'done';
}

/** The slot is held, which keeps the reaper away for another start-to-close; then the target's fence. */
function obeys(db: FleetDatabase, { actionId, target, token }: ExecuteCall): boolean {
  const slot = db.slots.get(actionId);
  if (slot?.token !== token) return false;
  slot.begunAt = db.now;
  if ((db.fences.get(target) ?? 0) > token) return false;
  db.fences.set(target, token);
  return true;
}
