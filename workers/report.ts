import { createHints, ofGroups, type Hints } from '../activities/attribution/hints';
import { compareSeen } from '../activities/observe';
import type { ObservedState, Runtime } from '../domain/action/runtime';
import type { ResourceKey } from '../domain/resource';
import { createBell, type Bell } from '../platform/bell';
import { createComplaints } from '../platform/complaints';
import type { ObservedResource } from '../storage/states';
import { createLateness, LATE_MS, untilLate, type Lateness } from './observe/lateness';
import { createWatches } from './observe/watches';
import { createReportApi, type ReportApi, type ReportApiOptions, type Told } from './report-api';

export interface ReporterOptions extends ReportApiOptions {
  /** By runtime type. */
  runtimes: ReadonlyMap<string, Runtime>;
  /** Epoch ms. */
  now: () => number;
  /** Between two looks at everything here. */
  intervalMs: number;
  /** What is calm and did not change is told again after this. */
  repeatMs?: number;
  /** Resources of one runtime looked at side by side. */
  concurrency?: number;
  /** After so long without an answer that is said, and the runtime is left to it: others are reported meanwhile. */
  lateMs?: number;
  /** 0 up to 1: spreads the looks of many hosts. */
  random?: () => number;
}

export interface Reporter {
  /** Ends after the looks under way, but for those that get no answer; what is being sent is given up. */
  stop: () => Promise<void>;
}

const REPEAT_MS = 60_000;
/** What changed is told often for a while: whoever waits for it to hold needs samples of it. */
const ATTENTIVE_MS = 60_000;
/** Events come in bursts. */
const APART_MS = 250;

/**
 * Looks at what runs on this host, each interval and when a runtime tells of a change, and reports it
 * to the API, which has the database: this process has none. While the API is away nothing is
 * reported, and everything else goes on.
 */
export function startReporter(options: ReporterOptions): Reporter {
  const { logger, intervalMs, concurrency = 8, lateMs = LATE_MS, random = Math.random } = options;
  const bell = createBell();
  const stopping = new AbortController();
  const api = createReportApi(options, stopping.signal);
  const hints = createHints();
  const look = createLook(options, { api, hints });
  const watch = createLateness({ logger, lateMs });
  const rounds = createRounds({ look, bell, watch, concurrency });
  let latest: ObservedResource[] = [];
  const watches = createWatches({
    ...{ runtimes: options.runtimes, logger, resources: () => latest },
    onChange({ resource, hint }) {
      if (resource !== null && hint !== undefined) hints.tell(resource, ofGroups(hint));
      bell.ring();
    },
  });

  async function pass(): Promise<void> {
    const found = await api.list();
    if (found === null) return;
    latest = found;
    watches.follow(found);
    look.keep(found);
    await untilLate(rounds.begin(found), lateMs, stopping.signal);
  }

  async function run(): Promise<void> {
    while (!bell.isStopped()) {
      await pass();
      const hasRung = await bell.wait(intervalMs * (0.85 + 0.3 * random()));
      if (hasRung && !bell.isStopped()) await createPause(APART_MS, stopping.signal);
    }
  }

  const running = run();
  return {
    async stop() {
      bell.stop();
      stopping.abort();
      await Promise.all([running, watches.close()]);
      await untilLate(rounds.underWay(), lateMs);
    },
  };
}

interface Rounds {
  /** Looks at these, but for those of runtimes whose last round has not ended. */
  begin: (found: readonly ObservedResource[]) => Promise<void>[];
  underWay: () => Promise<void>[];
}

/** Each runtime is looked at by itself: one that gives no answer is not asked anew, and holds up no other. */
function createRounds(options: {
  look: Look;
  bell: Bell;
  watch: Lateness;
  concurrency: number;
}): Rounds {
  const { look, bell, watch, concurrency } = options;
  const underWay = new Map<string, Promise<void>>();

  async function round(type: string, waiting: ObservedResource[]): Promise<void> {
    const came = new Set<string>();
    await Promise.all(
      Array.from({ length: concurrency }, async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          if (bell.isStopped()) return;
          came.add(await look.at(next).finally(watch(type)));
        }
      }),
    );
    if (came.has('superseded')) bell.ring();
  }

  return {
    begin(found) {
      const resting = [...byType(found)].filter(([type]) => !underWay.has(type));
      return resting.map(([type, some]) => {
        const looking = round(type, some).finally(() => underWay.delete(type));
        underWay.set(type, looking);
        return looking;
      });
    },
    underWay: () => [...underWay.values()],
  };
}

function byType(resources: readonly ObservedResource[]): Map<string, ObservedResource[]> {
  const types = new Set(resources.map(({ spec }) => spec.runtime.type));
  const of = (type: string): ObservedResource[] =>
    resources.filter(({ spec }) => spec.runtime.type === type);
  return new Map([...types].map((type) => [type, of(type)]));
}

function createPause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

interface Look {
  /** What there is now: what was told of others is forgotten. */
  keep: (resources: readonly ObservedResource[]) => void;
  /** Never throws; errors are logged once until it succeeds again. */
  at: (resource: ObservedResource) => Promise<Told['kind'] | 'same' | 'failed'>;
}

interface Last {
  text: string;
  at: number;
  changedAt: number;
  isCalm: boolean;
}

function createLook(
  options: ReporterOptions,
  { api, hints }: { api: ReportApi; hints: Hints },
): Look {
  const { runtimes, logger, now, repeatMs = REPEAT_MS } = options;
  const told = new Map<ResourceKey, Last>();
  const complaints = createComplaints(logger, 'resource cannot be observed or reported');

  function isDue(last: Last | undefined, text: string): boolean {
    if (last?.text !== text) return true;
    const isCalm = last.isCalm && now() - last.changedAt >= ATTENTIVE_MS;
    return !isCalm || now() - last.at >= repeatMs;
  }

  async function lookAt(resource: ObservedResource): Promise<Told['kind'] | 'same'> {
    const { resource: key, revision } = resource;
    // Taken before looking: the state is at least as new as its timestamp says.
    const observedAt = now();
    const seen = await runtimeOf(resource, runtimes).observe(resource);
    if (seen.isUnseen === true) return 'same';
    // How it differs is for the API to say; only here it is known how that came about.
    const { observed } = compareSeen(resource, seen, hints.explain);
    const body: ObservedState & { revision: number } = { ...observed, revision };
    const text = JSON.stringify([body, resource.overrides]);
    const last = told.get(key);
    if (!isDue(last, text)) return 'same';
    const answer = await api.tell(resource, { ...body, observedAt });
    if (answer.kind !== 'taken') {
      told.delete(key);
      return answer.kind;
    }
    const changedAt = last?.text === text ? last.changedAt : observedAt;
    told.set(key, { text, at: observedAt, changedAt, isCalm: answer.isCalm });
    return 'taken';
  }

  return {
    keep(resources) {
      const present = new Set(resources.map(({ resource }) => resource));
      for (const key of [...told.keys()].filter((one) => !present.has(one))) {
        told.delete(key);
        hints.forget(key);
      }
      complaints.keep(present);
    },
    async at(resource) {
      const key = resource.resource;
      const startedAt = now();
      try {
        const came = await lookAt(resource);
        // What an action does explains no drift, and what explained none has come and gone.
        if (came !== 'superseded') hints.settle(key, came === 'acting' ? now() : startedAt);
        if (came === 'stale')
          complaints.say(
            key,
            new Error('somebody tells something newer, by a clock that is ahead of this one'),
          );
        else complaints.end(key);
        return came;
      } catch (error) {
        complaints.say(key, error);
        return 'failed';
      }
    },
  };
}

function runtimeOf(
  { spec: { runtime } }: ObservedResource,
  runtimes: ReporterOptions['runtimes'],
): Runtime {
  const found = runtimes.get(runtime.type);
  if (found === undefined) throw new Error(`this worker has no runtime "${runtime.type}"`);
  return found;
}
