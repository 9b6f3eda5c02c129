import { commitGone } from './commit';
import { createLooks, type LooksDeps } from './looks';
import { createOutage } from './outage';
import { createPacer } from './pacer';
import type { Pair } from './pairs';

export interface TickDeps extends LooksDeps {
  /** The longest a busy tick lets samples wait. */
  tickMs: number;
}

export interface Tick {
  /** These pairs have to be looked at. */
  mark: (pairs: Iterable<Pair>, correlationId: string | null) => void;
  /** Policies, resources and verdicts have to be read again, and everything looked at. */
  reload: () => void;
  /** Brings in what is due without samples, should the clock have jumped. */
  poke: () => void;
  /** Resolves after the next run, be it a failure. */
  turn: () => Promise<void>;
  stop: () => Promise<void>;
}

/**
 * One run at a time: read what changed, evaluate what is dirty or due, write the edges. What could
 * not be written stays dirty, so nothing is lost while PostgreSQL is away.
 */
export function createTick(deps: TickDeps): Tick {
  const { pool, watch, now } = deps;
  const looks = createLooks(deps);
  let mustReload = true;
  const pacer = createPacer({
    restMs: deps.tickMs,
    outage: createOutage(deps.logger, {
      failed: 'verdicts cannot be written; trying again',
      ended: 'verdicts are written again',
    }),
    workIn() {
      if (mustReload || watch.isBehind() || looks.hasDirty()) return 0;
      const due = looks.nextDue();
      return due === null ? null : Math.max(0, due - now());
    },
    async work() {
      if (mustReload) await reload();
      looks.mark(await watch.hydrate(pool), null);
      await looks.lookAll();
    },
  });

  async function reload(): Promise<void> {
    mustReload = false;
    try {
      await commitGone(pool, await watch.reload(pool), now());
    } catch (error) {
      mustReload = true;
      throw error;
    }
    looks.mark(watch.pairs(), null);
  }

  return {
    mark(pairs, correlationId) {
      looks.mark(pairs, correlationId);
      pacer.wake();
    },
    reload() {
      mustReload = true;
      pacer.wake();
    },
    poke: pacer.wake,
    turn: pacer.turn,
    stop: pacer.stop,
  };
}
