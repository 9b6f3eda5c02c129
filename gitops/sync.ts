import type { Pool } from 'pg';
import { createBell } from '../platform/bell';
import type { Logger } from '../platform/logger';
import { createRound, type Compile, type RoundEnd, type SourceStatus } from './round';
import type { Source, Watch } from './sources/source';

export interface SyncOptions {
  pool: Pool;
  source: Source;
  compile: Compile;
  logger: Logger;
  /** Epoch ms. */
  now: () => number;
  /** The source is read that often even if nobody says that it changed. */
  intervalMs: number;
  /** How long it must be quiet before it is read. */
  settleMs: number;
  /** What would remove more than this share of the source's objects waits for a person. */
  pruneShare: number;
}

export interface Sync {
  status: () => SourceStatus;
  /** Looks at the source now instead of at the end of the interval. */
  lookNow: () => void;
  stop: () => Promise<void>;
}

const ABSENT_POLL_MS = 1000;
const MAX_BACKOFF_MS = 10_000;
/** A burst of changes that does not end is read in the middle of it after so many waits. */
const MAX_WAITS = 50;

/** Keeps one source's manifests in force: read, compile, apply, all or nothing, until stopped. */
export function startSync(options: SyncOptions): Sync {
  const { source, logger, intervalMs, settleMs } = options;
  const bell = createBell();
  const round = createRound(options);
  let watch: Watch | null | undefined = null;

  /** Only what exists can be watched; until then, and should watching fail, it is polled. */
  async function keepWatching(isPresent: boolean): Promise<void> {
    if (isPresent) {
      watch ??= source.watch?.(bell.ring, (error) => {
        logger.warn({ source: source.name, err: error }, 'watching failed, polling instead');
      });
    } else {
      await watch?.close();
      watch = null;
    }
  }

  /** Editors and checkouts write in bursts: wait for the end of one. */
  async function settle(): Promise<void> {
    for (let i = 0; i < MAX_WAITS && !bell.isStopped(); i++) {
      if (!(await bell.wait(settleMs))) return;
    }
  }

  function waitAfter(end: RoundEnd, failures: number): number {
    if (source.nextLookMs !== undefined) return source.nextLookMs(failures);
    const waitMs = {
      done: intervalMs,
      absent: ABSENT_POLL_MS,
      unsettled: settleMs,
      failed: Math.min(settleMs * 2 ** failures, MAX_BACKOFF_MS),
    }[end];
    return Math.min(waitMs, intervalMs);
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!bell.isStopped()) {
      const end = await round.run();
      failures = ['failed', 'absent'].includes(end) ? failures + 1 : 0;
      await keepWatching(end !== 'absent');
      if (await bell.wait(waitAfter(end, failures))) await settle();
    }
    await keepWatching(false);
  }

  const running = run();
  return {
    status: () => round.status(options.now()),
    lookNow: bell.ring,
    async stop() {
      bell.stop();
      await running;
    },
  };
}
