/**
 * `npm run bench -- storm [--quick] [--resources N] [--at-once N]`: many resources fail within a
 * second, and so many at a time may be acted on.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import type { Pool } from 'pg';
import { createPool, query } from '../storage/database';
import { migrate } from '../storage/migrate';
import { runBench, type Bench } from './support/bench';
import { startFloor } from './support/floor';
import type { Pass } from './support/passes';
import { table, type Report } from './support/results';
import { startStores } from './support/servers';
import { percentile, summarise } from './support/statistics';
import { inversionsIn, loadCourse, watchSlots, type Course } from './support/storm-course';
import { startMeter, type Load } from './support/storm-load';
import { resourceNames, writeStormFleet } from './support/storm-fleet';
import { startStormProcess, type StormProcess } from './support/storm-words';

const ABOUT = `Resources that all fail within a second, half of them critically, under one policy that may act on so
many at a time: the real detector and dispatcher in one process, the real worker in another, real
PostgreSQL and Temporal, and a runtime whose effect is that the resource reports to be well. Until all
were admitted and all were recorded (verified on fresh samples); whether anybody overtook a more urgent
request; the admission transactions as the processes' own connections saw them. The baseline, right
after it on the same Temporal: as many bare *chains* (activity, child workflow, five activities), all
empty, as many at a time.`;

const FAIL_WITHIN_MS = 1000;
const BATCHES = 10;
/** Of those that are well again, and of all the others. */
const REPORT_MS = { healed: 250, all: 5000 };
const LOOK_MS = 250;
const DEADLINE_MS = 20 * 60_000;

const NUMBERS = ['resources', 'at-once'];

runBench({ name: 'storm', about: ABOUT, numbers: NUMBERS }, async (bench) => {
  const size = bench.number('resources', bench.isQuick ? 60 : 1000);
  const atOnce = bench.number('at-once', bench.isQuick ? 5 : 25);
  const stores = await startStores(bench);
  const pool = createPool({ url: stores.databaseUrl, poolSize: 3, name: 'bench' });
  bench.lifecycle.onStop('database', () => pool.end());
  await migrate(pool);
  await writeStormFleet(pool, { size, atOnce });

  const sick = new Map(resourceNames(size).map((name) => [name, 0]));
  const processes = await startProcesses(bench, stores, sick);
  const meter = startMeter(pool, { home: stores.home, worker: processes.worker.pid });
  await settle(bench, pool, { detector: processes.detector, sick });
  const storm = await runStorm({ ...{ bench, pool, size, sick, meter }, ...processes });

  bench.say(`baseline: ${size} chains, ${atOnce} at a time`);
  const baseline = await runChains(bench, stores.temporalAddress, { size, atOnce, meter });
  return reportOf({ storm, baseline, size, atOnce });
});

interface Processes {
  detector: StormProcess;
  worker: StormProcess;
}

async function startProcesses(
  bench: Bench,
  servers: { databaseUrl: string; temporalAddress: string },
  sick: Map<string, number>,
): Promise<Processes> {
  const onHealed = (resource: string): void => {
    sick.set(resource.split('/')[1] ?? '', 0);
  };
  const worker = await startStormProcess('worker', servers, { bench, onHealed });
  const detector = await startStormProcess('detector', servers, { bench, onHealed });
  return { worker, detector };
}

/** Everybody is well, and the detector knows it. */
async function settle(
  bench: Bench,
  pool: Pool,
  { detector, sick }: { detector: StormProcess; sick: ReadonlyMap<string, number> },
): Promise<void> {
  bench.say(`${sick.size} resources report that they are well`);
  for (const deadline = Date.now() + 60_000; ;) {
    bench.signal.throwIfAborted();
    await detector.report([...sick]);
    const [row] = await query<{ count: number }>(
      pool,
      `select count(*)::int as count from verdicts where verdict = 'false'`,
    );
    if (row?.count === sick.size) return;
    if (Date.now() > deadline) throw new Error('not every resource has a verdict');
    await pause(LOOK_MS);
  }
}

interface Storm extends Course {
  failedAt: number;
  mostSlots: number;
  passes: Pass[];
  load: Load;
}

async function runStorm(
  options: Processes & {
    bench: Bench;
    pool: Pool;
    size: number;
    sick: Map<string, number>;
    meter: ReturnType<typeof startMeter>;
  },
): Promise<Storm> {
  const { bench, pool, size, sick, detector, worker, meter } = options;
  await Promise.all([worker.passes(), detector.passes()]);
  const slots = watchSlots(pool);
  const before = await meter();
  bench.say(`${size} resources fail`);
  const failedAt = Date.now();
  await fail(detector, sick);
  const reports = keepReporting(detector, sick);
  try {
    await allRecorded(bench, pool, size);
  } finally {
    await reports.stop();
    await slots.stop();
  }
  const load = meter.between(before, await meter());
  const passes = [...(await worker.passes()), ...(await detector.passes())];
  const course = await loadCourse(pool, slots.grants());
  return { ...course, failedAt, mostSlots: slots.most(), passes, load };
}

async function fail(detector: StormProcess, sick: Map<string, number>): Promise<void> {
  const names = [...sick.keys()];
  const perBatch = Math.ceil(names.length / BATCHES);
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const part = names.slice(batch * perBatch, (batch + 1) * perBatch);
    // Above 1 is critical: every second one.
    part.forEach((name, i) => sick.set(name, 1 + ((batch + i) % 2)));
    await detector.report(part.map((name) => [name, sick.get(name) ?? 0] as const));
    await pause(FAIL_WITHIN_MS / BATCHES);
  }
}

/** As an agent does: all of them every now and then, and at a shorter pace those that an action has healed. */
function keepReporting(
  detector: StormProcess,
  sick: ReadonlyMap<string, number>,
): { stop: () => Promise<void> } {
  const state = { isStopped: false };
  const reporting = (async () => {
    for (let round = 0; !state.isStopped; round += 1) {
      const isAll = round % (REPORT_MS.all / REPORT_MS.healed) === 0;
      const values = [...sick].filter(([, value]) => isAll || value === 0);
      if (values.length > 0) await detector.report(values);
      await pause(REPORT_MS.healed);
    }
  })();
  return {
    async stop() {
      state.isStopped = true;
      await reporting;
    },
  };
}

async function allRecorded({ say, signal }: Bench, pool: Pool, size: number): Promise<void> {
  let said = Date.now();
  for (const deadline = said + DEADLINE_MS; ;) {
    signal.throwIfAborted();
    const [row] = await query<{ recorded: number; bad: string | null }>(
      pool,
      `select count(*) filter (where outcome = 'succeeded')::int as recorded,
              min(action_id::text || ' ' || outcome || ': ' || outcome_reason)
                filter (where outcome <> 'succeeded') as bad from actions`,
    );
    if (typeof row?.bad === 'string') throw new Error(`an action did not succeed: ${row.bad}`);
    if (row?.recorded === size) return;
    if (Date.now() > deadline) throw new Error(`${row?.recorded ?? 0} of ${size} are recorded`);
    if (Date.now() - said > 10_000) {
      said = Date.now();
      say(`${row?.recorded ?? 0} of ${size} recorded`);
    }
    await pause(LOOK_MS);
  }
}

interface Baseline {
  ms: number;
  load: Load;
}

async function runChains(
  bench: Bench,
  temporalAddress: string,
  options: { size: number; atOnce: number; meter: ReturnType<typeof startMeter> },
): Promise<Baseline> {
  const connection = await Connection.connect({ address: temporalAddress });
  bench.lifecycle.onStop('temporal client', () => connection.close());
  const floor = await startFloor({ temporalAddress, temporal: new Client({ connection }) }, bench);
  await floor.measure('chain');
  const before = await options.meter();
  const startedAt = performance.now();
  let left = options.size;
  const one = async (): Promise<void> => {
    while (left > 0) {
      bench.signal.throwIfAborted();
      left -= 1;
      await floor.measure('chain');
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, one));
  const ms = performance.now() - startedAt;
  return { ms, load: options.meter.between(before, await options.meter()) };
}

function reportOf(result: {
  storm: Storm;
  baseline: Baseline;
  size: number;
  atOnce: number;
}): Report {
  const { storm, baseline, size, atOnce } = result;
  const admittedMs = Math.max(...storm.grants.map(({ at }) => at)) - storm.failedAt;
  const recordedMs = Math.max(...storm.recordedAt) - storm.failedAt;
  const inversions = inversionsIn(storm);
  const held = storm.passes.filter(({ hadLock }) => hadLock);
  const granting = held.filter(({ granted }) => granted > 0);
  const [all, grants] = [held, granting].map((list) => summarise(list.map(({ ms }) => ms)));
  const row = (name: string, times: typeof all): (string | number)[] =>
    times === undefined
      ? [name]
      : [name, times.count, ...[times.p50, times.p95, times.p99, times.max].map(oneDigit)];
  const ofChains = (recordedMs / baseline.ms).toFixed(1);
  return {
    findings: [
      `${size} resources, ${atOnce} at a time: all admitted after ${seconds(admittedMs)} s, all recorded after ${seconds(recordedMs)} s`,
      `bare chains, as many at a time: ${seconds(baseline.ms)} s; ratio ${ofChains} ×`,
      `in order of (severity, since): ${inversions} of ${size} grants overtook a more urgent request`,
      `at most ${storm.mostSlots} slots at once (${atOnce} allowed): ${storm.mostSlots <= atOnce ? 'met' : 'missed'}`,
      `admission transaction: p50 ${oneDigit(all?.p50 ?? 0)} ms, p99 ${oneDigit(all?.p99 ?? 0)} ms; ${(held.length / size).toFixed(2)} passes per grant`,
    ],
    tables: [
      table(
        ['admission transactions, milliseconds', 'n', 'p50', 'p95', 'p99', 'max'],
        [row('all that had the lock', all), row('those that granted', grants)],
      ),
      table(
        ['load', 'storm', 'chains'],
        [
          ...loadRows(storm.load, baseline.load),
          ['request → slot, seconds, p50', seconds(percentile(storm.waitedMs, 0.5)), ''],
        ],
      ),
    ],
    notes: [
      `${storm.passes.length - held.length} passes found the lock taken and left.`,
      'A grant counts as out of order when a more urgent request had been written at least 100 ms before its pass began.',
      'Each action verifies with `settle` and `stable` 0 on samples every 250 ms, and looks once a second: a second of each is waiting.',
      'The processes that send samples and that run the chains share the machine with what is measured.',
    ],
  };
}

function loadRows(storm: Load, chains: Load): string[][] {
  const rows: [string, (load: Load) => number | null][] = [
    ['PostgreSQL, commits/s', ({ commits, seconds: s }) => commits / s],
    ['PostgreSQL, core %', ({ cpu, seconds: s }) => (100 * cpu.postgres) / s],
    ['Temporal, core %', ({ cpu, seconds: s }) => (100 * cpu.temporal) / s],
    ['Temporal, requests/s', ({ requests, seconds: s }) => requests && requests / s],
    ['worker, core %', ({ cpu, seconds: s }) => (100 * cpu.worker) / s],
  ];
  return rows.map(([name, figure]) => [
    name,
    ...[storm, chains].map((load) => {
      const value = figure(load);
      return value === null ? 'not told' : value.toFixed(0);
    }),
  ]);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

function oneDigit(value: number): string {
  return value.toFixed(1);
}
