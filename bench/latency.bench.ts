/**
 * `npm run bench -- latency [--quick] [--incidents N] [--beside N]`: how long it takes from a sample
 * being sent to `execute` being entered.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { runBench, type Bench } from './support/bench';
import { startFloor, type Floor } from './support/floor';
import { createPatient, type Incident, type Patient } from './support/incidents';
import { COOLDOWN_MS, manifestsOf, resourcesOf, type Group } from './support/manifests';
import { table, type Report } from './support/results';
import { startStack } from './support/stack';
import { STAGES, stagesOf } from './support/stages';
import { percentile, summarise, type Summary } from './support/statistics';

const ABOUT = `From a sample being sent (\`POST /api/v1/ingest\`, one sample) to \`execute\` being entered (the line
in its journal, written before anything is done), over incidents one after the other on Services whose
process sleeps; the second round has further incidents on other Services beside it. Right before each
incident the baseline is measured on the same Temporal: *floor* is signalWithStart of a workflow → its
only activity entered, *chain* the same through as many hops as an incident takes (activity, child
workflow, three activities), all empty. Ratios are medians over medians and p99 over p99.`;

const AIM_P99_MS = 1000;
const MEASURED: Omit<Group, 'size'> = { name: 'measured', condition: 'bench_down > 0' };
const BESIDE: Omit<Group, 'size'> = { name: 'beside', condition: 'bench_down > 0' };
/** Of every incident; a fixed gap would keep step with the ticks of the stack. */
const GAP_MS = { least: 250, most: 500 };
/** The first incidents of a fresh stack, which nobody counts. */
const WARM_UP = 5;
/** A Service that falls again sooner is still in its episode, whose attempts are limited. */
const QUIET_MS = COOLDOWN_MS + 500;

runBench({ name: 'latency', about: ABOUT, numbers: ['incidents', 'beside'] }, async (bench) => {
  const incidents = bench.number('incidents', bench.isQuick ? 12 : 200);
  const perSecond = bench.number('beside', bench.isQuick ? 1 : 5);
  const measured = { ...MEASURED, size: bench.isQuick ? 4 : 20 };
  const beside = { ...BESIDE, size: Math.ceil(perSecond * (bench.isQuick ? 6 : 5)) };

  const stack = await startStack(bench, () => manifestsOf([measured]));
  const patient = createPatient(stack, bench);
  const floor = await startFloor(stack, bench);
  const round = (name: string, count: number): Promise<Round> =>
    measureRound({ name, count, resources: resourcesOf(measured), patient, floor, bench });

  await patient.settle(resourcesOf(measured));
  bench.say(`warming up with ${WARM_UP} incidents`);
  await round('warm-up', WARM_UP);
  const idle = await round('idle', incidents);

  stack.addManifests('beside.yaml', manifestsOf([beside]));
  await patient.settle(resourcesOf(beside));
  const crowd = keepFalling(patient, resourcesOf(beside), perSecond);
  let busy: Round;
  try {
    await pause(bench.isQuick ? 5000 : 15_000);
    busy = await round('beside', incidents);
  } finally {
    await crowd.stop();
  }
  return reportOf({ idle, busy, rate: crowd.perSecond(), temporal: stack.temporal });
});

interface Round {
  incidents: Incident[];
  /** Milliseconds. */
  latency: number[];
  floor: number[];
  chain: number[];
}

async function measureRound(options: {
  name: string;
  count: number;
  resources: readonly string[];
  patient: Patient;
  floor: Floor;
  bench: Bench;
}): Promise<Round> {
  const { name, count, resources, patient, floor, bench } = options;
  const round: Round = { incidents: [], latency: [], floor: [], chain: [] };
  for (let index = 0; index < count; index++) {
    await patient.report(resources, 0);
    await pause(gapMs());
    round.floor.push(await floor.measure('single'));
    round.chain.push(await floor.measure('chain'));
    await pause(gapMs());
    const incident = await patient.fall(resources[index % resources.length] ?? '');
    round.incidents.push(incident);
    round.latency.push(incident.enteredAt - incident.sentAt);
    await patient.recover(incident);
    if ((index + 1) % 10 === 0 || index + 1 === count) {
      const p50 = percentile(round.latency, 0.5).toFixed(0);
      bench.say(`${name}: ${index + 1} of ${count} incidents, p50 ${p50} ms`);
    }
  }
  return round;
}

function gapMs(): number {
  return GAP_MS.least + Math.random() * (GAP_MS.most - GAP_MS.least);
}

interface Crowd {
  /** Incidents that were started each second, over the whole time. */
  perSecond: () => number;
  stop: () => Promise<void>;
}

/** Starts incidents at a steady rate, one Service after the other; one that is still sick is left out. */
function keepFalling(patient: Patient, resources: readonly string[], perSecond: number): Crowd {
  const sick = new Map<string, Promise<void>>();
  const startedAt = performance.now();
  let turn = 0;
  let fallen = 0;
  let failure: unknown = null;
  let stoppedAt: number | null = null;
  const timer = setInterval(() => {
    const resource = resources[turn++ % resources.length] ?? '';
    if (sick.has(resource)) return;
    fallen += 1;
    const course = patient
      .fall(resource)
      .then(patient.recover)
      .then(() => pause(QUIET_MS))
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => {
        sick.delete(resource);
      });
    sick.set(resource, course);
  }, 1000 / perSecond);
  return {
    perSecond: () => (fallen * 1000) / ((stoppedAt ?? performance.now()) - startedAt),
    async stop() {
      clearInterval(timer);
      stoppedAt ??= performance.now();
      await Promise.all(sick.values());
      if (failure !== null) throw new Error('an incident beside went wrong', { cause: failure });
    },
  };
}

async function reportOf(result: {
  idle: Round;
  busy: Round;
  rate: number;
  temporal: Client;
}): Promise<Report> {
  const { idle, busy, rate, temporal } = result;
  const beside = `${rate.toFixed(1)} incidents/s beside`;
  const [idleMs, busyMs] = [summarise(idle.latency), summarise(busy.latency)];
  const isMet = idleMs.p99 < AIM_P99_MS ? 'met' : 'missed';
  return {
    findings: [
      `p99 idle: ${ms(idleMs.p99)} (aim < ${AIM_P99_MS} ms): ${isMet}`,
      `p99 with ${beside}: ${ms(busyMs.p99)}`,
      `ratio to the floor, idle: ${ratios(idleMs, summarise(idle.floor))}`,
      `ratio to the chain, idle: ${ratios(idleMs, summarise(idle.chain))}`,
      `ratio to the chain, ${beside}: ${ratios(busyMs, summarise(busy.chain))}`,
    ],
    tables: [
      table(
        ['milliseconds', 'n', 'min', 'p50', 'p95', 'p99', 'max'],
        [
          row('idle: sample sent → `execute` entered', idleMs),
          row('idle: floor', summarise(idle.floor)),
          row('idle: chain', summarise(idle.chain)),
          row(`${beside}: sample sent → \`execute\` entered`, busyMs),
          row(`${beside}: floor`, summarise(busy.floor)),
          row(`${beside}: chain`, summarise(busy.chain)),
        ],
      ),
      await stageTable(temporal, idle, busy),
    ],
    notes: [
      'An incident of n = 100 or fewer has no p99 to speak of: it is the slowest one.',
      'Stages do not add up to the whole: each column is a percentile of its own.',
    ],
  };
}

async function stageTable(temporal: Client, idle: Round, busy: Round): Promise<string> {
  const columns = await Promise.all(
    [idle, busy].map(async ({ incidents }) => {
      const stages: number[][] = [];
      for (const incident of incidents) stages.push(await stagesOf(temporal, incident));
      return stages;
    }),
  );
  const rows = STAGES.map((stage, index) => [
    stage,
    ...columns.flatMap((stages) => {
      const values = stages.map((times) => times[index] ?? NaN);
      return [percentile(values, 0.5), percentile(values, 0.95)].map((value) => value.toFixed(1));
    }),
  ]);
  return table(['stage, milliseconds', 'idle p50', 'idle p95', 'beside p50', 'beside p95'], rows);
}

function row(name: string, { count, ...figures }: Summary): (string | number)[] {
  const { min, p50, p95, p99, max } = figures;
  return [name, count, ...[min, p50, p95, p99, max].map((value) => value.toFixed(0))];
}

function ratios(ours: Summary, baseline: Summary): string {
  const ratio = (part: 'p50' | 'p99'): string => (ours[part] / baseline[part]).toFixed(1);
  return `${ratio('p50')} × (p50), ${ratio('p99')} × (p99)`;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
