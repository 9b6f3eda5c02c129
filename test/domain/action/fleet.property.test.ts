import fc from 'fast-check';
import { firstHold } from '../../../domain/action/gates';
import { FIRST_EPISODE } from '../../../domain/action/episode';
import { OUTCOMES } from '../../../domain/action/action';
import { resume } from '../../support/fleet/activities';
import {
  admit,
  editPolicy,
  openRequestOf,
  pairKey,
  policyFacts,
  writeVerdict,
  type Message,
} from '../../support/fleet/database';
import {
  addReaping,
  createFleet,
  deliver,
  endAttempt,
  goOn,
  loseAction,
  startAttempt,
  stateOf,
  sweep,
  terminateAction,
  terminateResource,
  tick,
  type Fleet,
} from '../../support/fleet/fleet';
import { expectFairPass, expectInvariant } from '../../support/fleet/invariant';
import { POLICIES, RESOURCES } from '../../support/fleet/world';

/**
 * The invariant of the whole loop: a fleet whose resources run the real reduce and plan against one
 * database with the real gates and the real admission, and an adversary that reorders, repeats, delays
 * and loses signals, kills workers and workflows, and lets activities run twice at once.
 */

const TICKS_MS = [100, 1000, 3000, 10_000, 40_000, 70_000, 130_000];
const VERDICTS = ['true', 'true', 'false', 'unknown'] as const;
const ENDINGS = OUTCOMES.filter((outcome) =>
  ['succeeded', 'failed', 'inconclusive', 'cancelled'].includes(outcome),
);

/** What the adversary may do; `n` chooses among what there is. */
const MOVES: Readonly<Record<string, { weight: number; move: (fleet: Fleet, n: number) => void }>> =
  {
    verdict: {
      weight: 10,
      move: ({ db }, n) => {
        const pair = { resource: pick(RESOURCES, n), policy: pick(POLICIES, n >> 3).key };
        writeVerdict(db, pair, pick(VERDICTS, n >> 4));
      },
    },
    edit: {
      weight: 1,
      move: ({ db }, n) => {
        editPolicy(db, pick(POLICIES, n).key);
      },
    },
    deliver: {
      weight: 12,
      move: (fleet, n) => {
        deliverOne(fleet, n, 'once');
      },
    },
    deliverAndKeep: {
      weight: 2,
      move: (fleet, n) => {
        deliverOne(fleet, n, 'kept');
      },
    },
    lose: {
      weight: 1,
      move: (fleet, n) => {
        deliverOne(fleet, n, 'lost');
      },
    },
    repeat: {
      weight: 2,
      move: (fleet, n) => {
        const message = fleet.delivered[n % 10];
        if (message !== undefined && !startsOutdated(fleet, message)) deliver(fleet, message);
      },
    },
    start: {
      weight: 10,
      move: (fleet, n) => {
        const idle = openJobs(fleet).filter((job) => !fleet.attempts.some((a) => a.job === job));
        if (idle.length > 0) startAttempt(fleet, pick(idle, n));
      },
    },
    startAgain: {
      weight: 3,
      move: (fleet, n) => {
        const jobs = openJobs(fleet);
        if (jobs.length > 0 && fleet.attempts.length < 20) startAttempt(fleet, pick(jobs, n));
      },
    },
    goOn: {
      weight: 30,
      move: (fleet, n) => {
        goOnWith(fleet, n, false);
      },
    },
    loseAnswer: {
      weight: 3,
      move: (fleet, n) => {
        goOnWith(fleet, n, true);
      },
    },
    kill: {
      weight: 4,
      move: (fleet, n) => {
        if (fleet.attempts.length > 0) endAttempt(fleet, pick(fleet.attempts, n));
      },
    },
    work: { weight: 12, move: work },
    tick: {
      weight: 8,
      move: (fleet, n) => {
        tick(fleet, pick(TICKS_MS, n));
      },
    },
    terminateResource: {
      weight: 2,
      move: (fleet, n) => {
        terminateResource(fleet, pick(RESOURCES, n));
      },
    },
    terminateAction: {
      weight: 2,
      move: (fleet, n) => {
        withAction(fleet, n, terminateAction);
      },
    },
    loseAction: {
      weight: 1,
      move: (fleet, n) => {
        withAction(fleet, n, loseAction);
      },
    },
    sweep: { weight: 2, move: sweep },
    reap: { weight: 3, move: addReaping },
    look: {
      weight: 2,
      move: ({ db }) => {
        admit(db);
      },
    },
    pause: {
      weight: 3,
      move: ({ db }, n) => {
        const scope = scopeOf(n);
        db.pauses.set(scope, { scope, reason: 'work', until: null });
      },
    },
    resume: {
      weight: 4,
      move: ({ db }, n) => {
        resume(db, scopeOf(n));
      },
    },
    fate: {
      weight: 4,
      move: ({ fate }, n) => {
        fate.outcome = pick(ENDINGS, n);
        fate.fails = n % 5 === 4;
      },
    },
  };

const anyMove = fc.record({
  name: fc.oneof(
    ...Object.entries(MOVES).map(([name, { weight }]) => ({
      weight,
      arbitrary: fc.constant(name),
    })),
  ),
  n: fc.nat(10_000),
});

function pick<T>(items: readonly T[], n: number): T {
  const item = items[n % items.length];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

function scopeOf(n: number): string {
  return n % 3 === 0 ? '*' : pick(RESOURCES, n);
}

function openJobs({ jobs }: Fleet): Fleet['jobs'] {
  return jobs.filter((job) => !job.isOver && job.isWanted());
}

/** A message leaves the outbox once it was delivered; one that was lost has to be missed by somebody. */
function deliverOne(fleet: Fleet, n: number, how: 'once' | 'kept' | 'lost'): void {
  const keys = [...fleet.db.outbox.keys()];
  if (keys.length === 0) return;
  const key = pick(keys, n);
  const message = fleet.db.outbox.get(key);
  if (message === undefined) return;
  const isMissed = ['verdictsChanged', 'slotGranted'].includes(message.fact.kind);
  if (how === 'lost' && !isMissed) return;
  if (how !== 'kept') fleet.db.outbox.delete(key);
  if (how !== 'lost') deliver(fleet, message);
}

/**
 * A repeated word is at most the dispatcher's deadline old. That a run is started by verdicts which an
 * earlier run, lost within those seconds, had seen superseded is not healed before they change again.
 */
function startsOutdated({ db, runs }: Fleet, { fact, resource }: Message): boolean {
  const sent = db.deliveries.get(resource)?.sent ?? 0;
  return fact.kind === 'verdictsChanged' && fact.version < sent && !runs.has(resource);
}

function goOnWith(fleet: Fleet, n: number, isAnswerLost: boolean): void {
  if (fleet.attempts.length === 0) return;
  const attempt = pick(fleet.attempts, n);
  for (let steps = isAnswerLost ? 20 : 1 + (n % 3); steps > 0; steps -= 1) {
    if (goOn(fleet, attempt, { isAnswerLost })) return;
    expectInvariant(fleet);
  }
}

/**
 * Only actions whose request stands: one that is ended from outside after its request was closed, and
 * before it could learn so, leaves its parent waiting; only a terminated parent heals that today.
 */
function withAction(fleet: Fleet, n: number, act: (fleet: Fleet, id: string) => void): void {
  const ids = [...fleet.actions].flatMap(([id, { status }]) =>
    status === 'running' && fleet.db.requests.get(id)?.state !== 'closed' ? [id] : [],
  );
  if (ids.length > 0) act(fleet, pick(ids, n));
}

/** All is well for a moment: everything is delivered, and every job takes a step. */
function work(fleet: Fleet): void {
  for (const [key, message] of [...fleet.db.outbox]) {
    fleet.db.outbox.delete(key);
    deliver(fleet, message);
  }
  for (const job of openJobs(fleet)) {
    if (!fleet.attempts.some((a) => a.job === job && job.newest === a)) startAttempt(fleet, job);
  }
  for (const attempt of [...fleet.attempts]) {
    if (fleet.attempts.includes(attempt)) goOn(fleet, attempt);
  }
}

function play(moves: readonly { name: string; n: number }[]): Fleet {
  const fleet = createFleet(expectFairPass);
  for (const { name, n } of moves) {
    MOVES[name]?.move(fleet, n);
    expectInvariant(fleet);
  }
  return fleet;
}

/** The adversary is gone: actions do good, what was paused is resumed, and nothing is unknown. */
function calm(fleet: Fleet): void {
  const { db } = fleet;
  fleet.fate = { outcome: 'succeeded', fails: false };
  fleet.heals = true;
  for (const scope of ['*', ...RESOURCES]) resume(db, scope);
  for (const { pair, seen } of pairs(fleet)) {
    if (seen?.verdict === 'unknown') writeVerdict(db, pair, 'true');
  }
  for (let round = 0; round < 480; round += 1) {
    work(fleet);
    if (round % 4 === 0) tick(fleet, 500);
    if (round % 40 === 0) {
      tick(fleet, 40_000);
      sweep(fleet);
      addReaping(fleet);
      admit(db);
    }
    expectInvariant(fleet);
  }
}

function pairs({ db }: Fleet) {
  return RESOURCES.flatMap((resource) =>
    POLICIES.map(({ key: policy }) => {
      const seen = db.verdicts.get(pairKey(resource, policy));
      return { pair: { resource, policy }, seen };
    }),
  );
}

/** Whoever still fires is held by a gate that holds indeed, and its workflow waits for it. */
function expectLively(fleet: Fleet): void {
  for (const { pair, seen } of pairs(fleet)) {
    if (seen?.verdict !== 'true') continue;
    const gate = gateOf(fleet, pair);
    const phase = stateOf(fleet, pair.resource)?.policies[pair.policy]?.phase.kind;
    expect({ ...pair, phase, isHeld: gate !== null }).toEqual({
      ...pair,
      phase: 'firing',
      isHeld: true,
    });
  }
}

/** What holds a policy on a resource now: its request if there is one, else itself. */
function gateOf({ db }: Fleet, pair: { resource: string; policy: string }): string | null {
  const open = openRequestOf(db, pair.resource, pair.policy);
  const episode = db.episodes.get(pairKey(pair.resource, pair.policy)) ?? FIRST_EPISODE;
  const hold = firstHold(policyFacts(db, pair, episode), open === null ? 'resource' : 'others');
  return hold?.gate ?? null;
}

/** The same courses each time; `VIGIL_FLEET_RUNS=5000 npx jest … --testTimeout=600000` seeks new ones. */
const MORE = process.env['VIGIL_FLEET_RUNS'];
const HOW = MORE === undefined ? { numRuns: 300, seed: 5 } : { numRuns: Number(MORE) };

test('through crashes, losses and repeats: limits, fences and order hold, and all is acted on or held by name', () => {
  fc.assert(
    fc.property(fc.array(anyMove, { maxLength: 250, size: 'max' }), (moves) => {
      const fleet = play(moves);
      calm(fleet);
      expect([...fleet.db.slots.keys()]).toEqual([]);
      expect(openJobs(fleet).map(({ label }) => label)).toEqual([]);
      expectLively(fleet);
    }),
    HOW,
  );
});
