import { watched } from '../policies';
import { service } from '../manifest-objects';
import { startControlPlane, type ControlPlane } from '../control-plane';
import { waitFor } from '../wait';
import { actionWorkflowId } from '../../../workflows/contract';
import type { WorkerSettings } from './worker';
import { startWorkerProcess, type WorkerProcess } from './worker-process';
import type { Subject, World } from './world';

/** A begun effect whose workflow is gone may still happen for so long; two minutes in production. */
const EXECUTE_TIMEOUT_MS = 8000;
const OUTCOME_MS = 180_000;
const FIRE_MS = 60_000;

/** One runtime with a database, a namespace and a worker process of its own: other lanes' crashes are not its. */
export interface Lane {
  world: World;
  plane: ControlPlane;
  worker: () => WorkerProcess;
  /** SIGKILL, then another one, as systemd would. */
  crash: (meanwhile?: () => void) => Promise<void>;
  /** Another worker beside the present one, which it follows. */
  addWorker: () => Promise<WorkerProcess>;
  crashes: () => number;
  stop: () => Promise<void>;
}

export interface LaneOptions {
  temporalAddress: string;
  systemctl: string[];
  journalctl: string[];
}

export async function startLane(world: World, options: LaneOptions): Promise<Lane> {
  const { temporalAddress, ...hands } = options;
  const plane = await startControlPlane(() => [], {
    ...{ withWorker: false, sweepMs: 1000, temporalAddress },
  });
  const settings: WorkerSettings = {
    databaseUrl: plane.database.url,
    address: temporalAddress,
    namespace: plane.temporal.namespace,
    home: plane.home,
    docker: process.env['VIGIL_TEST_DOCKER_HOST'],
    ...hands,
    executeTimeoutMs: EXECUTE_TIMEOUT_MS,
  };
  const all: WorkerProcess[] = [await startWorkerProcess(settings)];
  let crashes = 0;
  const worker = (): WorkerProcess => {
    const last = all.at(-1);
    if (last === undefined) throw new Error('there is no worker');
    return last;
  };
  const addWorker: Lane['addWorker'] = async () => {
    all.push(await startWorkerProcess(settings));
    return worker();
  };
  return {
    ...{ world, plane, worker, addWorker },
    async crash(meanwhile) {
      await worker().kill();
      crashes += 1;
      meanwhile?.();
      await addWorker();
    },
    crashes: () => crashes,
    async stop() {
      for (const one of all) await one.kill();
      await plane.stop();
    },
  };
}

/** One action on one subject. */
export interface Cell {
  lane: Lane;
  name: string;
  resource: string;
  subject: Subject;
  /** Makes the condition true; resolves with the action that this asks for. */
  fire: () => Promise<string>;
  /** What the condition reads is healthy from now on: nothing is asked for once more. */
  calm: () => Promise<void>;
  /** Sends what the condition reads, healthy once the effect is told, until the action is recorded. */
  outcome: () => Promise<string>;
}

export async function makeCell(
  lane: Lane,
  { name, waits }: { name: string; waits: boolean },
): Promise<Cell> {
  const { plane, world } = lane;
  const resource = `default/${name}`;
  const subject = await world.make(name, { home: plane.home, waits });
  const [, policy] = watched(name, 'up == 0', {
    steps: [subject.step],
    ...{ cooldownMs: 3_600_000, verify: { settleMs: 0, stableMs: 200, withinMs: 60_000 } },
  });
  const spec = { ...subject.spec, sync: { mode: 'detect', cooldownMs: 1000 } as const };
  await plane.apply(service(name, spec), policy);
  let isCalm = false;
  return {
    ...{ lane, name, resource, subject },
    async calm() {
      isCalm = true;
      await plane.send(name, 'up', 1);
    },
    async fire() {
      await plane.send(name, 'up', 0);
      return waitFor('the action', async () => (await rowOf(plane, resource))?.action_id, FIRE_MS);
    },
    async outcome() {
      const stop = plane.keepSending(200, async () => {
        const row = await rowOf(plane, resource);
        const isHealthy = isCalm || row?.state === 'verifying' || Boolean(row?.outcome);
        // As an agent would: what is not taken is followed by the next one.
        await plane.send(name, 'up', isHealthy ? 1 : 0).catch(() => undefined);
      });
      try {
        return await waitFor(
          `the outcome of ${resource}`,
          async () => (await rowOf(plane, resource))?.outcome,
          OUTCOME_MS,
        );
      } finally {
        await stop();
        await plane.send(name, 'up', 1);
      }
    },
  };
}

interface Row {
  action_id: string;
  state: string;
  outcome: string | null;
}

/** The first action of the resource; undefined also while the database of a busy machine does not answer. */
export async function rowOf(plane: ControlPlane, resource: string): Promise<Row | undefined> {
  const rows = await plane
    .rows<Row>(
      'select action_id, state, outcome from actions where resource = $1 order by requested_at',
      resource,
    )
    .catch(() => []);
  return rows[0];
}

/** From outside, to its first decision: everything after it is done once more. */
export async function resetFromOutside({ temporal }: ControlPlane, id: string): Promise<void> {
  const { client, namespace } = temporal;
  const workflowId = actionWorkflowId(id);
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const first = events?.find((event) => event.workflowTaskCompletedEventAttributes);
  await client.workflowService.resetWorkflowExecution({
    namespace,
    workflowExecution: { workflowId },
    reason: 'a test',
    requestId: `reset-${id}`,
    workflowTaskFinishEventId: first?.eventId ?? null,
  });
}
