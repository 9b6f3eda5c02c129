import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Registry } from 'prom-client';
import type { Logger } from '../platform/logger';
import { DUTY, seekLeadership } from '../storage/leadership';
import { listen, type Listener } from '../storage/listen';
import type { StoredSample } from '../storage/samples';
import { createTemporalCalls } from './calls';
import { createDispatcher, type Dispatcher } from './dispatch';
import { createHeartbeat } from './heartbeat';
import { createDetectorMetrics } from './metrics';
import { createOutage } from './outage';
import { createReception } from './reception';
import { createSweep } from './sweep';
import { createTick, type Tick } from './tick';
import { createWatch, type ForeignSample, type Watch } from './watch';

const HEARTBEAT_MS = 1000;
/** How long stopping waits for answers of Temporal; what is cut off is sent by the next process. */
const GRACE_MS = 500;

export interface DetectorDeps {
  pool: Pool;
  /** Connects on first use. */
  temporal: Client;
  logger: Logger;
  registry: Registry;
  /** Epoch ms. */
  now: () => number;
  /** The longest a busy detector lets samples wait. */
  tickMs?: number;
  /** Between two sweeps; also how long a signal may stay unhandled. */
  sweepMs?: number;
}

export interface Detector {
  /** Takes committed samples in; synchronous, never throws. */
  onCommitted: (rows: readonly StoredSample[]) => void;
  /** Ends after the present transaction and what is on its way to Temporal. */
  stop: () => Promise<void>;
}

/**
 * Turns samples into verdicts, and changes of verdict into signals: windows in memory, one tick,
 * edges to `verdicts` and `outbox` in one transaction, a dispatcher that empties the outbox into
 * Temporal. Resolves once everything is in memory, or could not be read: it needs neither server at
 * the start, waits for them, and says so once.
 */
export async function startDetector(deps: DetectorDeps): Promise<Detector> {
  const { pool, temporal, logger, now, tickMs = 250, sweepMs = 60_000 } = deps;
  const metrics = createDetectorMetrics(deps.registry);
  const watch = createWatch({ now });
  const reception = createReception({ pool, now });
  const { receivingSince } = reception;
  const tick = createTick({ pool, watch, now, tickMs, logger, metrics, receivingSince });
  const calls = createTemporalCalls(temporal);
  const leadership = seekLeadership(pool, {
    duty: DUTY.dispatch,
    onHeld: () => {
      dispatcher.wake();
    },
  });
  const dispatcher = createDispatcher({
    pool,
    calls,
    isLeader: leadership.isHeld,
    now,
    logger,
    metrics,
  });
  const beat = createHeartbeat({ pool, watch, tick, now, metrics });
  const sweep = createSweep({ pool, calls, now, logger, unhandledMs: sweepMs });
  const outage = createOutage(logger, {
    failed: 'the heartbeat does not finish; trying again',
    ended: 'the heartbeat finishes again',
  });
  const heartbeat = repeat(HEARTBEAT_MS, () => {
    dispatcher.wake();
    return beat()
      .then(reception.isWorking)
      .then(outage.ended, (error: unknown) => {
        reception.isBroken();
        outage.failed(error);
      });
  });
  const sweeps = repeat(sweepMs, async () => {
    tick.reload();
    await sweep();
  });
  const listener = hear({ pool, logger, watch, tick, dispatcher });
  await tick.turn();
  return {
    onCommitted(rows) {
      metrics.samples.inc(rows.length);
      for (const sample of rows) tick.mark(watch.accept(sample), sample.correlationId);
    },
    async stop() {
      const cutOff = setTimeout(calls.cutOff, GRACE_MS);
      await Promise.all([heartbeat.stop(), sweeps.stop(), listener.close()]);
      await Promise.all([tick.stop(), dispatcher.stop()]);
      clearTimeout(cutOff);
      await leadership.close();
    },
  };
}

interface Loop {
  stop: () => Promise<void>;
}

/** At once, and again `pauseMs` after each end. */
function repeat(pauseMs: number, work: () => Promise<void>): Loop {
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  let running: Promise<void>;
  function turn(): void {
    running = work().finally(() => {
      if (!isStopped) timer = setTimeout(turn, pauseMs);
    });
  }
  turn();
  return {
    async stop() {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
      await running;
    },
  };
}

interface Hearing {
  pool: Pool;
  logger: Logger;
  watch: Watch;
  tick: Tick;
  dispatcher: Dispatcher;
}

/** What other processes say: new messages, new revisions, samples they wrote. */
function hear({ pool, logger, watch, tick, dispatcher }: Hearing): Listener {
  const outage = createOutage(logger, {
    failed: 'notifications are not heard; polling meanwhile',
    ended: 'notifications are heard again',
  });
  function readAnew(): void {
    watch.forgetWindows();
    tick.reload();
  }
  const onChannel: Record<string, (payload: string) => void> = {
    vigil_outbox: dispatcher.wake,
    vigil_revision: tick.reload,
    vigil_samples(payload) {
      const samples = foreignSamples(payload);
      if (samples.length === 0) readAnew();
      for (const sample of samples) tick.mark(watch.acceptForeign(sample), null);
    },
  };
  return listen(pool, {
    channels: Object.keys(onChannel),
    onNotify: (channel, payload) => onChannel[channel]?.(payload),
    onListening() {
      outage.ended();
      readAnew();
      dispatcher.wake();
    },
    onLost: outage.failed,
  });
}

/** Empty for `[]`, and for what is no list of samples: both mean that the windows are to be read again. */
function foreignSamples(payload: string): ForeignSample[] {
  try {
    const parsed: unknown = JSON.parse(payload);
    return Array.isArray(parsed) ? (parsed as ForeignSample[]) : [];
  } catch {
    return [];
  }
}
