import { plan, type Intent } from './plan';
import { reduce, type Fact } from './reduce';
import { emptyState, type ResourceState } from './resource-state';

/** What follows an intent: the fact that it was taken up, and what happens later. */
export interface Effects {
  fact: Fact;
  later: readonly Later[];
}

export interface Later {
  afterMs: number;
  /** Asked when the time has come; null: nothing happened after all. */
  fact: (now: number) => Fact | null;
}

/** Everything around the workflow of a resource: it carries intents out. */
export interface World {
  carryOut: (intent: Intent, now: number) => Effects;
}

export interface Simulation {
  /** Epoch ms. */
  now: () => number;
  state: () => ResourceState;
  /** A fact that happens now, and everything that follows at once. */
  feed: (fact: Fact) => void;
  /** Lets something happen later. */
  schedule: (later: Later) => void;
  /** Lets the clock run to `until`, waking up for what is scheduled and for the one timer. */
  runUntil: (until: number) => void;
}

interface Pending {
  at: number;
  fact: Later['fact'];
}

/** More wake-ups, or rounds of intents at one time, than any plan needs. */
const MAX_WAKE_UPS = 100_000;
const MAX_ROUNDS = 100;

/** Runs reduce and plan of one resource on a clock of its own, as its workflow does on a real one. */
export function createSimulation(resource: string, world: World, startMs = 0): Simulation {
  let now = startMs;
  let state = emptyState(resource);
  const queue: Pending[] = [];

  function schedule({ afterMs, fact }: Later): void {
    const at = now + afterMs;
    const behind = queue.findIndex((one) => one.at > at);
    queue.splice(behind === -1 ? queue.length : behind, 0, { at, fact });
  }

  function settle(): void {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const next = plan(state, now);
      state = next.state;
      if (next.intents.length === 0) return;
      for (const intent of next.intents) {
        const { fact, later } = world.carryOut(intent, now);
        later.forEach(schedule);
        state = reduce(state, fact, now);
      }
    }
    throw new Error('the plan repeats its intents');
  }

  function deliver(): void {
    for (let next = queue[0]; next !== undefined && next.at <= now; next = queue[0]) {
      queue.shift();
      const fact = next.fact(now);
      if (fact !== null) state = reduce(state, fact, now);
    }
    settle();
  }

  function wakeUpAt(): number {
    const deadline = plan(state, now).deadline;
    const timer = deadline === null ? Infinity : Math.max(deadline.at, now + 1);
    return Math.min(queue[0]?.at ?? Infinity, timer);
  }

  return {
    now: () => now,
    state: () => state,
    schedule,
    feed(fact) {
      state = reduce(state, fact, now);
      settle();
    },
    runUntil(until) {
      for (let wakeUps = 0; wakeUps < MAX_WAKE_UPS; wakeUps += 1) {
        const next = wakeUpAt();
        if (next > until) {
          now = Math.max(now, until);
          return;
        }
        now = Math.max(now, next);
        deliver();
      }
      throw new Error('the plan never comes to rest');
    },
  };
}
