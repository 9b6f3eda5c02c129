/**
 * `npm run bench -- evaluate [--quick] [--resources N] [--seconds N]`: what it costs to judge a fleet.
 */
import { setImmediate as breathe, setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type * as DetectorModule from '../detector/detector';
import { createTemporalClient } from '../platform/temporal-client';
import { createPool, query } from '../storage/database';
import { migrate } from '../storage/migrate';
import { runBench, type Bench } from './support/bench';
import { built } from './support/built';
import { comparePure, type Pure } from './support/evaluate-pure';
import { POLICIES, samplesOf, SERIES_PER_RESOURCE, writeFleet } from './support/fleet';
import { table, type Report } from './support/results';
import { startBarePostgres } from './support/servers';

const ABOUT = `What judging a fleet costs: resources with five policies each (a simple one, two over windows of five
minutes, an aggregation, a trend over half an hour) and five series each, one sample every ten seconds. The
samples go through the whole detector (real PostgreSQL; no Temporal, nothing is wrong), second by second of
data and faster than they would come, after half an hour of them has filled the windows: processor time of
the process per second of data, and memory per series. Then the evaluator alone, beside promtool of
Prometheus 3 on the same rules and samples.`;

const { startDetector } = built('detector/detector') as typeof DetectorModule;

const AIM_CORE_SECONDS = 0.3;
const INTERVAL_MS = 10_000;
/** The trend's window, the evaluation's slack, and a little. */
const HISTORY_MS = 37 * 60_000;
const POLL_MS = 10;
const START = Date.UTC(2026, 0, 1);

runBench({ name: 'evaluate', about: ABOUT, numbers: ['resources', 'seconds'] }, async (bench) => {
  const resources = bench.number('resources', bench.isQuick ? 500 : 10_000);
  const seconds = bench.number('seconds', bench.isQuick ? 10 : 60);
  const fleet = await measureFleet(bench, resources, seconds);
  const pure = comparePure(bench, bench.isQuick ? 50 : 500);
  return reportOf(fleet, pure, { resources, seconds });
});

interface Fleet {
  coreSeconds: number;
  wallSeconds: number;
  evaluations: number;
  bytesPerSeries: number;
  feedSeconds: number;
}

async function measureFleet(bench: Bench, resources: number, seconds: number): Promise<Fleet> {
  const url = await startBarePostgres(bench);
  const pool = createPool({ url, poolSize: 4, name: 'bench' });
  bench.lifecycle.onStop('pool', () => pool.end());
  await migrate(pool);
  bench.say(`writing ${resources} resources`);
  await writeFleet(pool, resources);
  const nowhere = createTemporalClient({
    connection: { address: '127.0.0.1:1' },
    namespace: 'none',
  });
  bench.lifecycle.onStop('client', nowhere.close);
  const registry = new Registry();
  let now = START;
  const detector = await startDetector({
    pool,
    temporal: nowhere.client,
    logger: pino({ level: 'silent' }),
    registry,
    now: () => now,
  });
  bench.lifecycle.onStop('detector', detector.stop);
  const before = await heapBytes();
  bench.say('filling the windows');
  for (; now < START + HISTORY_MS; now += INTERVAL_MS) {
    for (let i = 0; i < resources; i += 1) detector.onCommitted(samplesOf(i, now));
  }
  await settled(registry, resources * POLICIES.length);
  await written(pool, resources * POLICIES.length);
  const bytesPerSeries = ((await heapBytes()) - before) / (resources * SERIES_PER_RESOURCE);
  const clock = { advance: () => (now += 1000) };
  return { ...(await drive(detector, { registry, resources, seconds, clock })), bytesPerSeries };
}

interface Drive {
  registry: Registry;
  resources: number;
  seconds: number;
  clock: { advance: () => number };
}

/** Feeds a tenth of the fleet each second of data, and waits until the detector has looked. */
async function drive(
  detector: DetectorModule.Detector,
  { registry, resources, seconds, clock }: Drive,
): Promise<Omit<Fleet, 'bytesPerSeries'>> {
  const counted = await evaluations(registry);
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  let expected = counted;
  let feedMs = 0;
  for (let second = 0; second < seconds; second += 1) {
    const now = clock.advance();
    const begun = performance.now();
    for (let i = second % 10; i < resources; i += 10) {
      detector.onCommitted(samplesOf(i, now));
      expected += POLICIES.length;
    }
    feedMs += performance.now() - begun;
    await settled(registry, expected);
  }
  const { user, system } = process.cpuUsage(cpu);
  return {
    coreSeconds: (user + system) / 1e6 / seconds,
    wallSeconds: (performance.now() - startedAt) / 1000 / seconds,
    evaluations: ((await evaluations(registry)) - counted) / seconds,
    feedSeconds: feedMs / 1000 / seconds,
  };
}

async function evaluations(registry: Registry): Promise<number> {
  const metric = await registry.getSingleMetric('vigil_evaluations_total')?.get();
  return metric?.values[0]?.value ?? 0;
}

/** Until that many evaluations were made, and no more are to come. */
async function settled(registry: Registry, expected: number): Promise<void> {
  let last = -1;
  let quiet = 0;
  while (quiet < 3) {
    // Waiting must cost nothing, or it would be counted as the detector's work.
    await pause(POLL_MS);
    const count = await evaluations(registry);
    quiet = count >= expected && count === last ? quiet + 1 : 0;
    last = count;
  }
}

/** Until the first verdict of every pair is in the table: that is the cost of a start, and not of a second. */
async function written(pool: Pool, pairs: number): Promise<void> {
  for (;;) {
    const [row] = await query<{ count: number }>(
      pool,
      'select count(*)::int as count from verdicts',
    );
    if ((row?.count ?? 0) >= pairs) return;
    await pause(500);
  }
}

async function heapBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  await breathe();
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

function reportOf(
  fleet: Fleet,
  pure: Pure,
  { resources, seconds }: { resources: number; seconds: number },
): Report {
  const isMet = fleet.coreSeconds <= AIM_CORE_SECONDS;
  const ratio = pure.promtool === null ? null : pure.perSecond / pure.promtool.perSecond;
  const oracle =
    pure.promtool === null
      ? 'promtool is not built here: no comparison'
      : `evaluator alone: ${count(pure.perSecond)} evaluations/s, promtool ${count(pure.promtool.perSecond)}: ${(ratio ?? 0).toFixed(2)} ×`;
  return {
    findings: [
      `${count(resources)} resources × ${POLICIES.length} policies: ${fleet.coreSeconds.toFixed(3)} core-seconds per second of data (aim ≤ ${AIM_CORE_SECONDS}): ${isMet ? 'met' : 'missed'}`,
      `memory: ${count(fleet.bytesPerSeries)} bytes per series`,
      oracle,
    ],
    tables: [
      table(
        ['per second of data', 'figure'],
        [
          ['core-seconds', fleet.coreSeconds.toFixed(3)],
          ['of it, taking samples in', fleet.feedSeconds.toFixed(3)],
          ['wall-clock seconds', fleet.wallSeconds.toFixed(3)],
          ['evaluations', count(fleet.evaluations)],
          ['samples', count((resources * SERIES_PER_RESOURCE) / 10)],
        ],
      ),
      table(
        ['policy', 'sort', 'µs per evaluation, alone'],
        pure.rows.map(({ name, sort, micros }) => [name, sort, micros.toFixed(1)]),
      ),
    ],
    notes: [
      `${seconds} seconds of data were measured; the making of the samples is part of the core-seconds.`,
    ],
  };
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}
