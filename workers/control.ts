import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WorkflowIdConflictPolicy, type Client } from '@temporalio/client';
import { NativeConnection, Worker, type NativeConnectionOptions } from '@temporalio/worker';
import type { ActivityDeps } from '../activities';
import { createActivities } from '../activities';
import type { TemporalTarget } from '../platform/temporal-client';
import { CONTROL_QUEUE, HOUSEKEEPING_ID, HOUSEKEEPING_WORKFLOW } from '../workflows/contract';

/** A worker of the control queue: workflows, control activities, and the runtimes of this host. */
export async function createControlWorker(options: {
  target: TemporalTarget;
  deps: ActivityDeps;
  maxCachedWorkflows: number;
  /** The bundle made by the build; without it the workflows are bundled from the sources. */
  bundlePath?: string;
}): Promise<{ worker: Worker; connection: NativeConnection }> {
  const connection = await NativeConnection.connect(
    options.target.connection as NativeConnectionOptions,
  );
  const worker = await Worker.create({
    connection,
    namespace: options.target.namespace,
    taskQueue: CONTROL_QUEUE,
    ...workflowSource(options.bundlePath ?? join(__dirname, '../workflow-bundle.js')),
    activities: createActivities(options.deps),
    // The default of 10 s stalls workflows after a crash.
    stickyQueueScheduleToStartTimeout: '3s',
    shutdownGraceTime: '10s',
    maxCachedWorkflows: options.maxCachedWorkflows,
    maxConcurrentActivityTaskExecutions: 100,
    maxConcurrentWorkflowTaskExecutions: 40,
  });
  return { worker, connection };
}

function workflowSource(
  codePath: string,
): { workflowBundle: { codePath: string } } | { workflowsPath: string } {
  return existsSync(codePath)
    ? { workflowBundle: { codePath } }
    : { workflowsPath: require.resolve('../workflows') };
}

/** Starts the one housekeeping run, or leaves the one that runs alone. */
export async function startHousekeeping(client: Client, everyMs: number): Promise<void> {
  await client.workflow.start(HOUSEKEEPING_WORKFLOW, {
    workflowId: HOUSEKEEPING_ID,
    taskQueue: CONTROL_QUEUE,
    args: [{ everyMs }],
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    staticSummary: 'Reaps lost requests, drops old samples',
  });
}
