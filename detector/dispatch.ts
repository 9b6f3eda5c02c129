import type { Pool } from 'pg';
import type { Logger } from '../platform/logger';
import { loadDue, messageId, postpone, settle, type DueMessage } from '../storage/outbox';
import { isTemporalAway, type TemporalCalls } from './calls';
import type { DetectorMetrics } from './metrics';
import { createOutage } from './outage';

const IN_FLIGHT = 32;
const MAX_BACKOFF_MS = 5000;
const FIRST_BACKOFF_MS = 100;

export interface DispatchDeps {
  pool: Pool;
  calls: TemporalCalls;
  /** Only one process dispatches at a time. */
  isLeader: () => boolean;
  now: () => number;
  logger: Logger;
  metrics: DetectorMetrics;
}

export interface Dispatcher {
  /** Something may be due. Called often: at each NOTIFY, and by a poll that brings postponed messages back. */
  wake: () => void;
  /** Waits for what is in flight. */
  stop: () => Promise<void>;
}

/** Sends what is in the outbox, the most urgent first. A message leaves the outbox only after Temporal has it. */
export function createDispatcher(deps: DispatchDeps): Dispatcher {
  const { pool, logger } = deps;
  const database = createOutage(logger, {
    failed: 'the outbox cannot be read; trying again',
    ended: 'the outbox is read again',
  });
  const deliver = createDelivery(deps);
  const inFlight = new Map<string, Promise<void>>();
  let isStopped = false;
  let isAwake = false;
  let pumping: Promise<void> | null = null;

  function wake(): void {
    isAwake = true;
    if (isStopped || pumping !== null) return;
    pumping = pump()
      .then(database.ended, database.failed)
      .finally(() => {
        pumping = null;
        // Woken after the last look, before this line: look again.
        if (isAwake && inFlight.size < IN_FLIGHT) wake();
      });
  }

  async function pump(): Promise<void> {
    while (isAwake && !isStopped && deps.isLeader() && inFlight.size < IN_FLIGHT) {
      isAwake = false;
      const limit = IN_FLIGHT - inFlight.size;
      const due = await loadDue(pool, { limit, inFlight: [...inFlight.keys()] });
      for (const message of due) launch(message);
    }
    if (!deps.isLeader()) isAwake = false;
  }

  function launch(message: DueMessage): void {
    const id = messageId(message);
    const delivery = deliver(message)
      // The message stays where it is; the poll finds it again.
      .catch(database.failed)
      .finally(() => {
        inFlight.delete(id);
        wake();
      });
    inFlight.set(id, delivery);
  }

  return {
    wake,
    async stop() {
      isStopped = true;
      await pumping;
      await Promise.all(inFlight.values());
    },
  };
}

/** Sends one message and settles or postpones it; rejects when the database does not take the result. */
function createDelivery({
  pool,
  calls,
  now,
  logger,
  metrics,
}: DispatchDeps): (message: DueMessage) => Promise<void> {
  const outage = createOutage(logger, {
    failed: 'Temporal does not take signals; trying again',
    ended: 'Temporal takes signals again',
  });

  function failed(message: DueMessage, error: unknown): void {
    metrics.dispatchFailures.inc();
    if (isTemporalAway(error)) {
      outage.failed(error);
    } else if (message.attempts === 0) {
      const { workflowId, kind, correlationId } = message;
      logger.error({ err: error, workflowId, kind, correlationId }, 'signal refused; trying again');
    }
  }

  return async (message) => {
    try {
      await calls.send(message);
    } catch (error) {
      failed(message, error);
      await postpone(pool, message, backoffMs(message.attempts));
      return;
    }
    outage.ended();
    metrics.dispatch.observe(Math.max(0, now() - message.createdAt) / 1000);
    const { workflowId, kind, correlationId } = message;
    logger.debug({ workflowId, kind, correlationId }, 'signal sent');
    await settle(pool, message);
  };
}

function backoffMs(attempts: number): number {
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(attempts, 10));
}
