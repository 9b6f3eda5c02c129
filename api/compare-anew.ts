import type { Pool } from 'pg';
import { blameRevisions } from '../activities/attribution/git-hints';
import { canonicalJson } from '../domain/canonical-json';
import { compare, recalling, type Attributions } from '../domain/drift/compare';
import { REPORTED_RUNTIMES } from '../domain/drift/normalise';
import { createBatcher } from '../platform/batcher';
import { createComplaints } from '../platform/complaints';
import type { Logger } from '../platform/logger';
import { sha256 } from '../platform/sha256';
import { isDatabaseAway } from '../storage/away';
import { listen } from '../storage/listen';
import type { Observation } from '../storage/observation';
import { createObservationStore, recordObservations, type Recorded } from '../storage/observations';
import { forgetChanged, listTold, type ToldState } from '../storage/states';
import { createWaker } from './waker';

/** The net below NOTIFY. */
const POLL_MS = 60_000;
const MAX_BATCH = 250;

interface Deps {
  pool: Pool;
  logger: Logger;
  /** Epoch ms. */
  now: () => number;
}

/**
 * Compares what others reported last with the manifests again when those change: a report may come
 * only once in a while, and what differs from a new revision, or no longer does, is told at once.
 */
export function startComparingAnew(deps: Deps): { close: () => Promise<void> } {
  const { pool, logger, now } = deps;
  const waker = createWaker();
  const round = createRound(deps);
  let asked = new Set<string>();
  let fullAt = -Infinity;
  const listener = listen(pool, {
    channels: ['vigil_revision', 'vigil_observe'],
    onNotify(channel, payload) {
      if (channel === 'vigil_observe') asked.add(payload);
      waker.wake();
    },
    onListening() {
      fullAt = -Infinity;
      waker.wake();
    },
  });
  let isClosed = false;
  let isFailing = false;

  async function runRound(): Promise<void> {
    const keys = asked;
    asked = new Set();
    const isFull = now() >= fullAt;
    if (isFull) fullAt = now() + POLL_MS;
    try {
      await round([...keys], isFull);
      isFailing = false;
    } catch (err) {
      if (!isFailing) logger.warn({ err }, 'reports cannot be compared anew, trying again');
      isFailing = true;
      fullAt = -Infinity;
    }
  }

  async function run(): Promise<void> {
    while (!isClosed) {
      await runRound();
      await waker.wait(isFailing ? RETRY_MS : POLL_MS);
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

const RETRY_MS = 5_000;

/** One round over everything, or over what these and the latest revisions changed. What cannot be compared is logged once. */
function createRound({ pool, logger, now }: Deps) {
  const store = createObservationStore(pool);
  const record = createBatcher<Observation, Recorded>({
    run: (observations) => recordObservations(store, observations),
    ...{ maxItems: MAX_BATCH, waitMs: 0, isCommon: isDatabaseAway },
  });
  const complaints = createComplaints(logger, 'a report cannot be compared');
  let latest = -1;

  async function compareOne(told: ToldState, blamed: Attributions): Promise<void> {
    const observation = anew(told, blamed, now());
    if (observation !== null) await record(observation);
    else if (Object.keys(blamed).length > 0) await forgetChanged(pool, told);
  }

  async function tryOne(told: ToldState, blamed: Attributions): Promise<void> {
    try {
      await compareOne(told, blamed);
      complaints.end(told.resource);
    } catch (err) {
      if (isDatabaseAway(err)) throw err;
      complaints.say(told.resource, err);
    }
  }

  return async function round(keys: readonly string[], isFull: boolean): Promise<void> {
    const since = isFull ? -1 : latest;
    const found = await listTold(pool, REPORTED_RUNTIMES, { since, resources: keys });
    const blamed = await blameRevisions(pool, found);
    const settled = await Promise.allSettled(
      found.map((told) => tryOne(told, blamed.get(told.resource) ?? {})),
    );
    for (const one of settled) if (one.status === 'rejected') throw one.reason;
    if (isFull) complaints.keep(new Set(found.map(({ resource }) => resource)));
    latest = found.reduce((most, { revision }) => Math.max(most, revision), latest);
  };
}

/** A report, compared with what is desired now; null: it differs in nothing else than before. */
function anew(told: ToldState, blamed: Attributions, now: number): Observation | null {
  const { observed: seen, observer, observedAt, changes: before, version, ...resource } = told;
  const { spec, overrides } = resource;
  const { observed, changes } = compare(spec, seen, {
    ...{ sha256, overrides },
    explain: recalling(blamed),
  });
  if (canonicalJson(changes) === canonicalJson(before)) return null;
  return {
    ...{ resource, observed, changes, observer, observedAt },
    // What was reported meanwhile is newer, and counts.
    reported: {
      actor: 'vigil',
      correlationId: null,
      receivedAt: now,
      isKnown: true,
      completes: version,
    },
  };
}
