import type { Pool } from 'pg';
import { canonicalJson } from '../domain/canonical-json';
import { driftOf } from '../domain/drift/diff';
import { REPORTED_RUNTIMES } from '../domain/drift/normalise';
import type { Logger } from '../platform/logger';
import { listen } from '../storage/listen';
import { createObservationStore, recordObservation } from '../storage/observations';
import type { ObservationStore } from '../storage/observations';
import { listTold, type ToldState } from '../storage/states';
import { sha256 } from './report';
import { createWaker } from './waker';

/** The net below NOTIFY. */
const POLL_MS = 60_000;

/**
 * Compares what others reported last with the manifests again when those change: a report may come
 * only once in a while, and what differs from a new revision, or no longer does, is told at once.
 */
export function startComparingAnew(deps: { pool: Pool; logger: Logger; now: () => number }): {
  close: () => Promise<void>;
} {
  const { pool, logger, now } = deps;
  const store = createObservationStore(pool);
  const waker = createWaker();
  const listener = listen(pool, {
    channels: ['vigil_revision', 'vigil_observe'],
    onNotify: waker.wake,
    onListening: waker.wake,
  });
  let isClosed = false;
  let isFailing = false;

  async function round(): Promise<void> {
    try {
      const known = await listTold(pool, REPORTED_RUNTIMES);
      for (const told of known) await compare(store, told, now());
      isFailing = false;
    } catch (err) {
      if (!isFailing) logger.warn({ err }, 'reports cannot be compared anew, trying again');
      isFailing = true;
    }
  }

  async function run(): Promise<void> {
    while (!isClosed) {
      await round();
      await waker.wait(POLL_MS);
    }
  }

  const running = run();
  return {
    async close() {
      isClosed = true;
      waker.wake();
      await Promise.all([running, listener.close()]);
    },
  };
}

async function compare(store: ObservationStore, told: ToldState, now: number): Promise<void> {
  const { observed, observer, observedAt, ...resource } = told;
  const changes = driftOf(told.spec, observed, { sha256, overrides: told.overrides });
  if (canonicalJson(changes) === canonicalJson(told.changes)) return;
  await recordObservation(store, {
    ...{ resource, observed, changes, observer, observedAt },
    // What was reported meanwhile is newer, and counts.
    reported: { actor: 'vigil', correlationId: null, receivedAt: now, isKnown: true },
  });
}
