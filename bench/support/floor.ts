import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Bench } from './bench';
import type { chain, single } from './floor-workflows';
import type { Stack } from './stack';

const QUEUE = 'bench-floor';

export interface FloorActivities {
  enter: (id: string) => Promise<void>;
  hop: () => Promise<void>;
}

export interface Floor {
  queue: string;
  /** Milliseconds from signalWithStart to the activity that stands for `execute` being entered. */
  measure: (workflow: 'single' | 'chain') => Promise<number>;
  /** The same once more, for its history: the ids of the runs, closed by then. */
  runChain: () => Promise<{ parentId: string; childId: string }>;
}

/** A small worker in this process, on the stack's own Temporal. */
export async function startFloor(
  stack: Pick<Stack, 'temporal' | 'temporalAddress'>,
  { lifecycle }: Bench,
): Promise<Floor> {
  const entered = new Map<string, (at: number) => void>();
  const activities: FloorActivities = {
    enter: (id) => {
      entered.get(id)?.(Date.now());
      return Promise.resolve();
    },
    hop: () => Promise.resolve(),
  };
  Runtime.install({ logger: new DefaultLogger('WARN'), shutdownSignals: [] });
  const connection = await NativeConnection.connect({ address: stack.temporalAddress });
  lifecycle.onStop('floor connection', () => connection.close());
  const worker = await Worker.create({
    connection,
    taskQueue: QUEUE,
    workflowsPath: join(__dirname, 'floor-workflows.ts'),
    activities,
    maxCachedWorkflows: 100,
  });
  const running = worker.run();
  lifecycle.onStop('floor worker', async () => {
    worker.shutdown();
    await running;
  });

  async function run(workflow: 'single' | 'chain', id: string): Promise<number> {
    const arrived = new Promise<number>((resolve) => entered.set(id, resolve));
    const sentAt = Date.now();
    const handle = await stack.temporal.workflow.signalWithStart<typeof single | typeof chain>(
      workflow,
      { workflowId: id, taskQueue: QUEUE, args: [id], signal: 'go', signalArgs: [] },
    );
    const at = await arrived;
    entered.delete(id);
    await handle.result();
    return at - sentAt;
  }

  return {
    queue: QUEUE,
    measure: (workflow) => run(workflow, `floor/${randomUUID()}`),
    async runChain() {
      const parentId = `floor/${randomUUID()}`;
      await run('chain', parentId);
      return { parentId, childId: `${parentId}/child` };
    },
  };
}
