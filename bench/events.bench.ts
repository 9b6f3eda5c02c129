/**
 * `npm run bench -- events [--quick] [--samples N]`: how many events an incident and a healthy
 * resource write into Temporal's histories.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { query } from '../storage/database';
import {
  actionWorkflowId,
  QUERIES,
  resourceWorkflowId,
  type ResourceStatus,
} from '../workflows/contract';
import { waitUntil } from '../cli/up/wait';
import { runBench, type Bench } from './support/bench';
import { startFloor, type Floor } from './support/floor';
import type { sink } from './support/floor-workflows';
import { historyLength, historyOf, type HistoryEvent } from './support/histories';
import { createPatient, type Patient } from './support/incidents';
import {
  COOLDOWN_MS,
  demoManifests,
  demoPort,
  manifestsOf,
  resourcesOf,
  type Group,
} from './support/manifests';
import { table, type Report } from './support/results';
import { startStack, type Stack } from './support/stack';

const ABOUT = `Events in Temporal's histories. First of an incident, from its sample to the end of the cooldown:
of the action's workflow and of its parent, the resource's; with a condition that acts at once and with
one that waits, each a second time on the same resource, and by killing the demo's process. The baseline is a chain of workflows with
as many empty activities. Then of a healthy resource while samples arrive, ten a second for six minutes:
of one that never had a workflow, and of one whose workflow is idle since its incident; the baseline is a
workflow that takes each sample as a signal (in a quick run every tenth).`;

const AIM = 40;
const AT_ONCE: Group = { name: 'at-once', size: 1, condition: 'bench_down > 0' };
const WAITS: Group = { name: 'waits', size: 1, condition: 'bench_down > 0 for 2s' };
const HEALTHY: Group = { name: 'healthy', size: 1, condition: 'bench_down > 0' };
const GROUPS = [AT_ONCE, WAITS, HEALTHY];
const DEMO = { resource: 'default/web', policy: 'default/web-down' };
const DEADLINE_MS = 90_000;

runBench({ name: 'events', about: ABOUT, numbers: ['samples'] }, async (bench) => {
  const samples = bench.number('samples', 3600);
  const stack = await startStack(bench, (home) =>
    [manifestsOf(GROUPS), demoManifests(home, bench.portOffset)].join('---\n'),
  );
  const patient = createPatient(stack, bench);
  const floor = await startFloor(stack, bench);
  await patient.settle(GROUPS.flatMap(resourcesOf));

  const baseline = await floorHistories(stack, floor);
  const incidents: Story[] = [];
  for (const group of [AT_ONCE, WAITS]) {
    for (const name of [`\`${group.condition}\``, 'once more']) {
      incidents.push(await storyOf({ name, stack, bench, fall: () => fall(patient, group) }));
    }
  }
  const demo = { name: 'demo killed', stack, bench, fall: () => killDemo(stack, bench) };
  incidents.push(await storyOf(demo));
  const quiet = await watchHealthy({ stack, bench, patient, floor, samples });
  return reportOf(incidents, baseline, quiet);
});

/** An incident that is over: the histories it has left behind. */
interface Story {
  name: string;
  action: HistoryEvent[];
  /** Only what this incident has added. */
  parent: HistoryEvent[];
}

/** An incident whose action is recorded. */
interface Fallen {
  resource: string;
  actionId: string;
}

async function fall(patient: Patient, group: Group): Promise<Fallen> {
  const [resource = ''] = resourcesOf(group);
  const incident = await patient.fall(resource);
  await patient.recover(incident);
  return { resource, actionId: incident.actionId };
}

/** The demo's own way to die; its first policy brings it back. */
async function killDemo(stack: Stack, bench: Bench): Promise<Fallen> {
  const url = `http://127.0.0.1:${demoPort(bench.portOffset)}`;
  const { signal } = bench;
  await waitUntil(() => demoIsWatched(stack), { deadlineMs: DEADLINE_MS, signal });
  const before = await historyLength(stack.temporal, resourceWorkflowId(DEMO.resource));
  if (before !== null) throw new Error(`${DEMO.resource} had an incident before it was killed`);
  bench.say('killing the demo');
  await fetch(`${url}/crash`).catch(() => undefined);
  let actionId = '';
  const recorded = async (): Promise<void> => {
    const rows = await query<{ action_id: string; outcome: string }>(
      stack.pool,
      'select action_id, outcome from actions where policy = $1 and recorded_at is not null',
      [DEMO.policy],
    );
    if (rows[0]?.outcome !== 'succeeded') throw new Error('the demo is not back yet');
    actionId = rows[0].action_id;
  };
  await waitUntil(recorded, { deadlineMs: DEADLINE_MS, signal });
  return { resource: DEMO.resource, actionId };
}

async function demoIsWatched({ pool }: Stack): Promise<void> {
  const rows = await query(
    pool,
    `select 1 from verdicts where resource = $1 and policy = $2 and verdict = 'false'`,
    [DEMO.resource, DEMO.policy],
  );
  if (rows.length === 0) throw new Error(`the detector has no verdict of ${DEMO.resource} yet`);
}

/** Makes an incident and waits until the resource is at rest: a query adds nothing to the history. */
async function storyOf(options: {
  name: string;
  stack: Stack;
  bench: Bench;
  fall: () => Promise<Fallen>;
}): Promise<Story> {
  const { name, stack, bench } = options;
  const startedAt = Date.now();
  const { resource, actionId } = await options.fall();
  const parentId = resourceWorkflowId(resource);
  const handle = stack.temporal.workflow.getHandle(parentId);
  const inactive = async (): Promise<void> => {
    const { policies } = await handle.query<ResourceStatus>(QUERIES.status);
    if (policies.some(({ phase }) => phase !== 'inactive')) throw new Error(`${resource} is busy`);
  };
  await waitUntil(inactive, { deadlineMs: DEADLINE_MS, signal: bench.signal });
  // Quiet for another cooldown, so that the next incident is an episode of its own.
  await pause(COOLDOWN_MS);
  const action = await historyOf(stack.temporal, actionWorkflowId(actionId));
  const all = await historyOf(stack.temporal, parentId);
  const parent = all.filter(({ at }) => at >= startedAt);
  bench.say(`${name}: ${action.length} events of the action, ${parent.length} of its parent`);
  return { name, action, parent };
}

async function floorHistories({ temporal }: Stack, floor: Floor): Promise<Story> {
  const { parentId, childId } = await floor.runChain();
  return {
    name: 'baseline: chain',
    action: await historyOf(temporal, childId),
    parent: await historyOf(temporal, parentId),
  };
}

/** What a stream of healthy samples has added. */
interface Quiet {
  samples: number;
  seconds: number;
  /** Of a resource that never had a workflow; null: it still has none. */
  healthy: number | null;
  /** Added to the idle workflow of a resource that had an incident. */
  recovered: number;
  baseline: { signals: number; events: number };
}

const BATCH_PER_SECOND = 10;

/** Sends the samples one by one, to both resources, and every tenth of a second a signal to the sink. */
async function watchHealthy(options: {
  stack: Stack;
  bench: Bench;
  patient: Patient;
  floor: Floor;
  samples: number;
}): Promise<Quiet> {
  const { stack, bench, patient, floor, samples } = options;
  const { temporal } = stack;
  const [healthy = '', recovered = ''] = [HEALTHY, AT_ONCE].flatMap(resourcesOf);
  const before = await historyLength(temporal, resourceWorkflowId(recovered));
  const handle = await temporal.workflow.start<typeof sink>('sink', {
    workflowId: 'floor/sink',
    taskQueue: floor.queue,
  });
  const perTurn = bench.isQuick ? 10 : 1;
  const startedAt = performance.now();
  let signals = 0;
  for (let sent = 0; sent < samples; sent += perTurn) {
    bench.signal.throwIfAborted();
    const turns = Array.from({ length: perTurn }, () => [
      patient.report([healthy], 0),
      patient.report([recovered], 0),
    ]);
    await Promise.all([...turns.flat(), handle.signal('go')]);
    signals += 1;
    if (signals % (30 * BATCH_PER_SECOND) === 0) bench.say(`${sent + perTurn} samples sent`);
    const dueAt = startedAt + (signals * 1000) / BATCH_PER_SECOND;
    await pause(Math.max(0, dueAt - performance.now()));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const events = await endSink(handle);
  const after = await historyLength(temporal, resourceWorkflowId(recovered));
  if (before === null || after === null) throw new Error(`${recovered} has no workflow`);
  return {
    samples,
    seconds,
    healthy: await historyLength(temporal, resourceWorkflowId(healthy)),
    recovered: after - before,
    baseline: { signals, events },
  };
}

async function endSink(handle: WorkflowHandle): Promise<number> {
  await handle.signal('stop');
  await handle.result();
  return (await handle.describe()).historyLength;
}

function reportOf(incidents: readonly Story[], baseline: Story, quiet: Quiet): Report {
  const most = (part: 'action' | 'parent'): number =>
    Math.max(...incidents.map((story) => story[part].length));
  const ratio = (part: 'action' | 'parent'): string =>
    (most(part) / baseline[part].length).toFixed(1);
  const finding = (part: 'action' | 'parent', name: string): string =>
    `${name}: at most ${most(part)} events (aim ≤ ${AIM}): ${most(part) <= AIM ? 'met' : 'missed'}; ${ratio(part)} × the baseline`;
  const added = (quiet.healthy ?? 0) + quiet.recovered;
  const { signals, events } = quiet.baseline;
  const perSample = (events / signals).toFixed(1);
  return {
    findings: [
      finding('action', 'action'),
      finding('parent', 'parent'),
      `healthy over ${quiet.samples} samples in ${quiet.seconds.toFixed(0)} s: ${added} events (aim 0): ${added === 0 ? 'met' : 'missed'}; the baseline writes ${perSample} a sample`,
    ],
    tables: [
      eventTable([...incidents, baseline]),
      table(
        ['healthy resource', 'samples', 'events'],
        [
          ['never had an incident', quiet.samples, quiet.healthy ?? '0, has no workflow'],
          ['had one before, its workflow is idle', quiet.samples, `${quiet.recovered} added`],
          ['baseline: a signal for each sample', signals, events],
        ],
      ),
    ],
    notes: [],
  };
}

function eventTable(stories: readonly Story[]): string {
  const columns = stories.flatMap(({ name, action, parent }) => [
    { head: `${name}, action`, events: action },
    { head: 'parent', events: parent },
  ]);
  const types = new Set(columns.flatMap(({ events }) => events.map(({ type }) => type)));
  const count = (events: readonly HistoryEvent[], type: string): number =>
    events.filter((event) => event.type === type).length;
  return table(
    ['event', ...columns.map(({ head }) => head)],
    [
      ['**all**', ...columns.map(({ events }) => `**${events.length}**`)],
      ...[...types].map((type) => [
        type,
        ...columns.map(({ events }) => String(count(events, type) || '')),
      ]),
    ],
  );
}
