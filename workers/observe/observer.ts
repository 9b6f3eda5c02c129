import type { Pool } from 'pg';
import { hintAtRevisions } from '../../activities/attribution/git-hints';
import { createHints, ofGroups, recallHints, type Hints } from '../../activities/attribution/hints';
import type { ObserveDeps } from '../../activities/observe';
import type { Runtime, RuntimeTarget } from '../../domain/action/runtime';
import { createBatcher } from '../../platform/batcher';
import { createBell, type Bell } from '../../platform/bell';
import type { Logger } from '../../platform/logger';
import { createPlaces } from '../../platform/places';
import { isDatabaseAway } from '../../storage/away';
import { listen, type Listener } from '../../storage/listen';
import type { Observation } from '../../storage/observation';
import {
  createObservationStore,
  recordObservations,
  type Recorded,
} from '../../storage/observations';
import type { ObservedResource } from '../../storage/states';
import { createLanes, type Aside, type Lanes } from './lanes';
import { createLateness, LATE_MS } from './lateness';
import { createLook } from './look';
import { createResourceList, type ResourceList } from './resource-list';
import { Schedule } from './schedule';
import { stopWithVigil } from './stop-with-vigil';
import { createWatches } from './watches';

export interface ObserverOptions {
  pool: Pool;
  /** By runtime type. */
  runtimes: ReadonlyMap<string, Runtime>;
  /** Null: the control host. Resources of other hosts are left alone. */
  host: string | null;
  logger: Logger;
  /** Epoch ms. */
  now: () => number;
  /** Between two looks at one resource whose runtime does not tell of changes by itself. */
  intervalMs?: number;
  /** Between two looks at one that is quiet and whose runtime tells. */
  resyncMs?: number;
  /** Resources of one runtime looked at side by side: one that gives no answer holds up no other. */
  concurrency?: number;
  /** After so long without an answer that is said; nor does stopping wait for it any longer. */
  lateMs?: number;
  /** Ends a process outside any action. */
  stopRuntime?: (target: RuntimeTarget) => Promise<unknown>;
  /** On the way out, stop what says `stopWithVigil`. */
  isStoppingWithVigil?: boolean;
}

export interface Observer {
  /** Ends after the looks under way, but for those that get no answer, and after what stops with Vigil has stopped. */
  stop: () => Promise<void>;
}

const MAX_BATCH = 250;
const BATCH_WAIT_MS = 50;
/** PostgreSQL has 100 connections by default, for everybody; and a container engine that hangs holds no more than its share. */
const STARTS = { total: 16, share: 8 };
const PACE = { attentiveMs: 60_000, apartMs: 100, random: Math.random };
const LONGEST_WAIT_MS = 60_000;

/**
 * Looks at every resource of this host: when its runtime or a person says that something happened,
 * at a new revision, and again from time to time. Writes what it saw, in batches.
 */
export function startObserver(options: ObserverOptions): Observer {
  const { pool, logger, now, host, runtimes, concurrency = 64, lateMs = LATE_MS } = options;
  const bell = createBell();
  const hints = createHints();
  const { intervalMs = 2000, resyncMs = Math.max(intervalMs, 15_000) } = options;
  const schedule = new Schedule({ ...PACE, intervalMs, resyncMs });
  const deps = { ...lookDeps(options, hints), isStopping: bell.isStopped };
  const look = createLook({ runtimes, logger, deps });
  const starts = createPlaces(STARTS);
  const watch = createLateness({ logger, lateMs });
  const lanes = createLanes({ concurrency, lateMs, watch, bell });
  const watches = createWatches({
    ...{ runtimes, logger, resources: () => schedule.all() },
    onChange({ type, resource, hint }) {
      if (resource !== null && hint !== undefined) hints.tell(resource, ofGroups(hint));
      for (const key of resource === null ? keysOf(schedule.all(), type) : [resource])
        schedule.stir(key, now());
      bell.ring();
    },
  });
  const list = createResourceList({
    ...{ pool, host, schedule, logger, now },
    async onFound(found) {
      await recallHints(
        pool,
        hints,
        found.filter(({ resource }) => schedule.get(resource) === undefined),
      );
      await hintAtRevisions(pool, hints, found);
      watches.follow(found);
    },
    onGone(resource) {
      hints.forget(resource);
      look.forget(resource);
    },
  });

  async function lookAt(resource: ObservedResource, aside: Aside): Promise<void> {
    const key = resource.resource;
    const startedAt = now();
    // An image may be pulled for minutes, with others waiting for its place: that is no look.
    const came = await look.at(resource, (kind, work) => aside(() => starts(kind, work)));
    if (came === 'superseded') list.ask(key);
    // What an action does explains no drift, and what explained none has come and gone.
    if (came === 'acting') hints.settle(key, now(), 'event');
    else if (!['failed', 'superseded', 'stopping'].includes(came)) hints.settle(key, startedAt);
    const isTold = came === 'unseen' || watches.isWorking(resource.spec.runtime.type);
    schedule.done(key, now(), { came, isTold });
  }

  const listener = listenForChanges(pool, { list, bell });
  const running = runLooks({ schedule, list, bell, now, lookAt, lanes });
  return {
    async stop() {
      bell.stop();
      await Promise.all([running, listener.close(), watches.close()]);
      const isStopping =
        options.isStoppingWithVigil ?? process.env['VIGIL_STOP_WITH_VIGIL'] === '1';
      if (!isStopping || options.stopRuntime === undefined) return;
      await stopWithVigil(schedule.all(), { stop: options.stopRuntime, logger });
    },
  };
}

/** Until the bell stops; ends after the looks under way, but for those that get no answer. */
async function runLooks(loop: {
  schedule: Schedule;
  list: ResourceList;
  bell: Bell;
  now: () => number;
  lookAt: (resource: ObservedResource, aside: Aside) => Promise<void>;
  lanes: Lanes;
}): Promise<void> {
  const { schedule, list, bell, now, lookAt, lanes } = loop;
  const take = (): ObservedResource | null => schedule.take(now(), lanes.isBusy);

  function startLooks(): void {
    for (let next = take(); next !== null; next = take()) {
      const resource = next;
      lanes.run(resource.spec.runtime.type, (aside) => lookAt(resource, aside));
    }
  }

  while (!bell.isStopped()) {
    await list.refresh();
    if (!bell.isStopped()) startLooks();
    const waitMs = Math.min(schedule.nextAt(lanes.isBusy), list.dueAt()) - now();
    await bell.wait(Math.min(Math.max(waitMs, 1), LONGEST_WAIT_MS));
  }
  await lanes.end();
}

/** How a look writes down what it saw: together with the others of that moment. */
function lookDeps({ pool, host, now }: ObserverOptions, { explain }: Hints): ObserveDeps {
  const store = createObservationStore(pool);
  const record = createBatcher<Observation, Recorded>({
    run: (observations) => recordObservations(store, observations),
    ...{ maxItems: MAX_BATCH, waitMs: BATCH_WAIT_MS, isCommon: isDatabaseAway },
  });
  return { pool, record, explain, observer: host ?? 'control', now };
}

function listenForChanges(
  pool: Pool,
  { list, bell }: { list: ResourceList; bell: Bell },
): Listener {
  return listen(pool, {
    channels: ['vigil_revision', 'vigil_observe'],
    onNotify(channel, payload) {
      if (channel === 'vigil_observe') list.ask(payload);
      else list.askAll();
      bell.ring();
    },
    onListening() {
      list.askAll();
      bell.ring();
    },
  });
}

function* keysOf(resources: Iterable<ObservedResource>, type: string): Iterable<string> {
  for (const { resource, spec } of resources) if (spec.runtime.type === type) yield resource;
}
