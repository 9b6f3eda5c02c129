import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../platform/logger';
import type { CollectorClient } from './collector-client';
import { createDelivery, type Delivery } from './deliver';
import type { Sample } from './sample';
import type { Spool } from './spool';

export interface SendTimes {
  /** Longest wait of a sample that is in no hurry. */
  batchMs: number;
  /** First pause after a failed request; doubles from there. */
  backoffMs: number;
  maxBackoffMs: number;
  /** For the last attempt when the agent ends. */
  lastAttemptMs: number;
}

export const SEND_TIMES: SendTimes = {
  batchMs: 1_000,
  backoffMs: 500,
  maxBackoffMs: 30_000,
  lastAttemptMs: 2_000,
};

export interface SenderDeps {
  client: CollectorClient;
  spool: Spool;
  logger: Logger;
  /** 0 ≤ random() < 1, for the jitter. */
  random: () => number;
  times?: SendTimes;
}

export interface Sender {
  /** `isUrgent`: sent at once, with all that waits; otherwise within `batchMs`. */
  add: (samples: readonly Sample[], isUrgent?: boolean) => void;
  /** One last attempt at what waits. */
  stop: () => Promise<void>;
}

/** Sends batches one after the other, so that samples arrive in order; waits out failures. */
export function createSender(deps: SenderDeps): Sender {
  const { spool, times = SEND_TIMES } = deps;
  const deliver = createDelivery(deps);
  const pauseAfter = createBackoff(deps, times);
  let timer: NodeJS.Timeout | null = null;
  let isBackingOff = false;
  let sending: Promise<void> | null = null;
  let isStopped = false;

  /** A backoff outlasts an urgent sample: what is away does not come back by being asked more. */
  function schedule(delayMs: number): void {
    if (isStopped || sending !== null) return;
    if (timer !== null) {
      if (isBackingOff || delayMs > 0) return;
      clearTimeout(timer);
    }
    timer = setTimeout(() => {
      timer = null;
      sending = drain();
    }, delayMs);
  }

  async function drain(): Promise<void> {
    let delayMs = 0;
    while (spool.size > 0 && delayMs === 0) delayMs = pauseAfter(await deliver());
    sending = null;
    isBackingOff = delayMs > 0;
    if (spool.size > 0) schedule(delayMs);
  }

  async function lastAttempt(): Promise<void> {
    await sending;
    if (spool.size > 0) await deliver();
  }

  return {
    add(samples, isUrgent = false) {
      if (samples.length === 0) return;
      spool.push(samples);
      schedule(isUrgent ? 0 : times.batchMs);
    },
    async stop() {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
      const patience = new AbortController();
      const limit = pause(times.lastAttemptMs, undefined, { signal: patience.signal });
      await Promise.race([lastAttempt(), limit]);
      patience.abort();
      await limit.catch(() => undefined);
    },
  };
}

/** Says how long to wait after each delivery, in ms: 0 after a success; and tells people once. */
function createBackoff(deps: SenderDeps, times: SendTimes): (delivery: Delivery) => number {
  const { spool, logger } = deps;
  let failures = 0;

  return (delivery) => {
    const dropped = spool.takeDropped();
    if (dropped > 0) logger.warn({ dropped }, 'buffer full, oldest samples dropped');
    if (delivery.kind === 'done') {
      if (failures > 0) logger.info({ failures }, 'collector answers again');
      failures = 0;
      return 0;
    }
    if (failures === 0) {
      logger.warn({ reason: delivery.reason }, 'collector takes no samples, buffering');
    }
    const backoffMs = Math.min(times.backoffMs * 2 ** failures, times.maxBackoffMs);
    failures++;
    return Math.max(delivery.retryAfterMs ?? 0, backoffMs * (0.5 + deps.random() / 2), 1);
  };
}
