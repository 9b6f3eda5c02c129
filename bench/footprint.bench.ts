/**
 * `npm run bench -- footprint [--quick] [--warm-up SECONDS] [--window SECONDS]`: what a whole Vigil
 * costs while nothing happens.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createLifecycle } from '../platform/lifecycle';
import { runBench, type Bench } from './support/bench';
import { demoManifests } from './support/manifests';
import { costOf, costsBelow, type Cost, type PartName } from './support/proc-tree';
import { table, type Report } from './support/results';
import { startBareServers, startEmptyProcesses } from './support/servers';
import { startStack } from './support/stack';
import { percentile } from './support/statistics';

const ABOUT = `Memory and processor time of the whole stack with the demo's manifests while nothing happens, after a
minute to warm up: the sum of proportional set sizes (PSS, the median of a look every five seconds) of
the supervisor and everything below it, servers included and the demo's own process left out, and the
processor time of the same processes over a minute as a share of one core. The baseline, measured right
before, is the same servers without clients and five Node processes that do nothing.`;

const AIM_MB = 900;
const AIM_CORE_PERCENT = 5;
const LOOK_MS = 5000;
/** Supervisor, api, worker, gitops, agent. */
const OWN_PROCESSES = 5;
const OWN: readonly PartName[] = ['supervisor', 'api', 'worker', 'gitops', 'agent'];

runBench({ name: 'footprint', about: ABOUT, numbers: ['warm-up', 'window'] }, async (bench) => {
  const times = {
    warmUpMs: 1000 * bench.number('warm-up', bench.isQuick ? 20 : 60),
    windowMs: 1000 * bench.number('window', bench.isQuick ? 20 : 60),
  };
  const bare = await measureBare(bench, times);
  const stack = await startStack(bench, (home) => demoManifests(home, bench.portOffset));
  const parts = await watch(bench, times, () => costsBelow(stack.pid));
  return reportOf(parts, bare);
});

interface Times {
  warmUpMs: number;
  windowMs: number;
}

/** What a part costs at rest. */
interface Rest {
  processes: number;
  bytes: number;
  /** Share of one core, percent. */
  corePercent: number;
}

type Rests = Map<PartName, Rest>;

/** The servers as parts of their own, the empty Node processes as `other`. */
async function measureBare(bench: Bench, times: Times): Promise<Rests> {
  const lifecycle = createLifecycle((step, error) => {
    bench.say(`${step} did not stop cleanly: ${String(error)}`);
  });
  try {
    await startBareServers({ ...bench, lifecycle });
    const empty = startEmptyProcesses(OWN_PROCESSES, { ...bench, lifecycle });
    return await watch(bench, times, () => {
      const parts = costsBelow(process.pid);
      // This process itself, and what the tree makes of the empty ones.
      parts.delete('supervisor');
      parts.set('other', costOf(empty));
      return parts;
    });
  } finally {
    await lifecycle.stop();
  }
}

async function watch(
  { say, signal }: Bench,
  { warmUpMs, windowMs }: Times,
  look: () => Map<PartName, Cost>,
): Promise<Rests> {
  say(`warming up for ${warmUpMs / 1000} s, then watching for ${windowMs / 1000} s`);
  await pause(warmUpMs, null, { signal });
  const startedAt = performance.now();
  const looks = [look()];
  while (performance.now() - startedAt < windowMs) {
    await pause(Math.min(LOOK_MS, windowMs), null, { signal });
    looks.push(look());
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const [first, last] = [looks[0], looks.at(-1)];
  const rests: Rests = new Map();
  for (const [part, cost] of last ?? []) {
    const cpuSeconds = cost.cpuSeconds - (first?.get(part)?.cpuSeconds ?? 0);
    rests.set(part, {
      processes: cost.processes,
      bytes: percentile(
        looks.map((costs) => costs.get(part)?.pssBytes ?? 0),
        0.5,
      ),
      corePercent: (100 * cpuSeconds) / seconds,
    });
  }
  return rests;
}

function reportOf(parts: Rests, bare: Rests): Report {
  const stack = total([...parts].filter(([part]) => part !== 'workload').map(([, rest]) => rest));
  const floor = total(bare.values());
  const isSmall = stack.bytes <= AIM_MB * 1e6;
  const isIdle = stack.corePercent <= AIM_CORE_PERCENT;
  const [bytes, core] = [stack.bytes / floor.bytes, stack.corePercent / floor.corePercent];
  return {
    findings: [
      `memory: ${megabytes(stack)} MB (aim ≤ ${AIM_MB} MB): ${isSmall ? 'met' : 'missed'}; ${bytes.toFixed(1)} × the baseline`,
      `processor: ${percent(stack)} % of a core (aim ≤ ${AIM_CORE_PERCENT} %): ${isIdle ? 'met' : 'missed'}; ${core.toFixed(1)} × the baseline`,
    ],
    tables: [
      table(
        ['part', 'processes', 'PSS MB', 'core %', 'baseline MB', 'baseline core %'],
        [
          ...[...parts].map(([part, rest]) => [
            part === 'workload' ? "the demo's own process (not counted)" : part,
            ...figures(rest),
            ...baselineOf(part, bare),
          ]),
          ['**all**', ...figures(stack), megabytes(floor), percent(floor)],
        ],
      ),
    ],
    notes: [
      `The baseline of each Node process is a fifth of five empty ones.`,
      'PSS divides pages that several processes map; other Node programs on the machine make it smaller. `npm start` itself (the npm process that waits) is not counted.',
    ],
  };
}

function baselineOf(part: PartName, bare: Rests): string[] {
  const empty = bare.get('other');
  const rest = OWN.includes(part) ? empty : bare.get(part);
  if (rest === undefined) return ['', ''];
  const share = OWN.includes(part) ? OWN_PROCESSES : 1;
  return figures({
    processes: 0,
    bytes: rest.bytes / share,
    corePercent: rest.corePercent / share,
  }).slice(1);
}

function total(rests: Iterable<Rest>): Rest {
  const all = { processes: 0, bytes: 0, corePercent: 0 };
  for (const { processes, bytes, corePercent } of rests) {
    all.processes += processes;
    all.bytes += bytes;
    all.corePercent += corePercent;
  }
  return all;
}

function figures(rest: Rest): string[] {
  return [String(rest.processes), megabytes(rest), percent(rest)];
}

function megabytes({ bytes }: Pick<Rest, 'bytes'>): string {
  return (bytes / 1e6).toFixed(0);
}

function percent({ corePercent }: Pick<Rest, 'corePercent'>): string {
  return corePercent.toFixed(2);
}
