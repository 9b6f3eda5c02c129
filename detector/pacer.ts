import type { Outage } from './outage';

const MAX_BACKOFF_MS = 5000;

export interface Pacer {
  /** There may be work. */
  wake: () => void;
  /** Resolves after the next run, be it a failure. */
  turn: () => Promise<void>;
  stop: () => Promise<void>;
}

export interface PacerOptions {
  work: () => Promise<void>;
  /** Milliseconds until there is work; 0: there is some; null: none is in sight. */
  workIn: () => number | null;
  /** The longest a busy pacer rests. */
  restMs: number;
  outage: Outage;
}

/**
 * Runs the work once at a time: at once when idle; after a run it rests for ten times as long as it
 * worked, at most restMs; after a failure longer and longer, up to 5 s.
 */
export function createPacer({ work, workIn, restMs, outage }: PacerOptions): Pacer {
  let notBefore = 0;
  let failures = 0;
  let running: Promise<void> | null = null;
  let wakesAt = Infinity;
  let cancel: (() => void) | null = null;
  let isStopped = false;
  let turned: (() => void)[] = [];

  function wake(): void {
    const delayMs = workIn();
    if (delayMs === null || isStopped || running !== null) return;
    const at = Math.max(performance.now() + delayMs, notBefore);
    if (at >= wakesAt) return;
    cancel?.();
    wakesAt = at;
    cancel = after(at - performance.now(), () => {
      wakesAt = Infinity;
      running = run().finally(() => {
        running = null;
        for (const resolve of turned) resolve();
        turned = [];
        wake();
      });
    });
  }

  async function run(): Promise<void> {
    const startedAt = performance.now();
    try {
      await work();
      failures = 0;
      outage.ended();
      notBefore = performance.now() + Math.min(restMs, 10 * (performance.now() - startedAt));
    } catch (error) {
      outage.failed(error);
      failures = Math.min(failures + 1, 10);
      notBefore = performance.now() + Math.min(MAX_BACKOFF_MS, restMs * 2 ** failures);
    }
  }

  return {
    wake,
    turn: () =>
      new Promise((resolve) => {
        turned.push(resolve);
        wake();
      }),
    async stop() {
      isStopped = true;
      cancel?.();
      await running;
    },
  };
}

/** Timers round up to a millisecond: what may run at once does not go through one. */
function after(delayMs: number, work: () => void): () => void {
  if (delayMs <= 0) {
    const immediate = setImmediate(work);
    return () => {
      clearImmediate(immediate);
    };
  }
  const timer = setTimeout(work, delayMs);
  return () => {
    clearTimeout(timer);
  };
}
