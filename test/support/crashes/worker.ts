import { Context } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import type { Pool, PoolClient, QueryResult } from 'pg';
import { DEFAULT_CONSTANTS } from '../../../activities';
import { createConfigRuntime } from '../../../activities/runtimes/config/runtime';
import { createDockerRuntime } from '../../../activities/runtimes/docker/runtime';
import { createProcessRuntime } from '../../../activities/runtimes/process/runtime';
import { createScriptRuntime } from '../../../activities/runtimes/script/runtime';
import { createSystemdRuntime } from '../../../activities/runtimes/systemd/runtime';
import { createWebhookRuntime } from '../../../activities/runtimes/webhook/runtime';
import type { Runtime } from '../../../domain/action/runtime';
import { createLogger } from '../../../platform/logger';
import { createPool } from '../../../storage/database';
import { createControlWorker } from '../../../workers/control';
import { APPROVAL_KEY, BUNDLE } from '../control-plane';

/**
 * Where a worker can be held, in the order of an action: `inspected` it has looked and not told;
 * `confirmed` begin is committed and not told; `locked` under the target's lock, before the journal's
 * begin; `begun` after that, before the effect; `effect` after it, before the journal's end; `ended`
 * after that, before the completion; `verifying` it looks whether it helped; `recorded` the outcome is
 * committed and not told.
 */
export type Point =
  'inspected' | 'confirmed' | 'locked' | 'begun' | 'effect' | 'ended' | 'verifying' | 'recorded';

export interface WorkerSettings {
  databaseUrl: string;
  address: string;
  namespace: string;
  home: string;
  /** Of the Docker engine, where there is one. */
  docker: string | undefined;
  systemctl: string[];
  journalctl: string[];
  executeTimeoutMs: number;
}

export type ToWorker =
  | { kind: 'start'; settings: WorkerSettings }
  | { kind: 'hold'; resource: string; point: Point }
  | { kind: 'release'; resource: string };

export type FromWorker = { kind: 'ready' } | { kind: 'held'; resource: string; point: Point };

/** By resource: where its action stops until it is let go, or its worker dies. */
const holds = new Map<string, Point>();
const held = new Map<string, () => void>();

async function pass(resource: string, point: Point): Promise<void> {
  if (holds.get(resource) !== point) return;
  holds.delete(resource);
  await new Promise<void>((resolve) => {
    held.set(resource, resolve);
    tell({ kind: 'held', resource, point });
  });
}

function tell(message: FromWorker): void {
  process.send?.(message);
}

process.on('message', (message: ToWorker) => {
  if (message.kind === 'hold') holds.set(message.resource, message.point);
  if (message.kind === 'release') held.get(message.resource)?.();
  if (message.kind === 'start') void main(message.settings);
});
// Its test is gone.
process.on('disconnect', () => process.exit(1));

async function main(settings: WorkerSettings): Promise<void> {
  const { address, namespace, home } = settings;
  const pool = createPool({ url: settings.databaseUrl, poolSize: 5, name: 'crashing' });
  holdAtStatements(pool);
  const connection = await Connection.connect({ address });
  const { worker } = await createControlWorker({
    target: { connection: { address }, namespace },
    maxCachedWorkflows: 20,
    bundlePath: BUNDLE,
    deps: {
      ...{ pool, home, temporal: new Client({ connection, namespace }) },
      logger: createLogger('crashing', 'fatal'),
      runtimes: new Map(runtimesOf(settings).map((one) => [one.catalogue.type, holding(one)])),
      approvalKey: () => APPROVAL_KEY,
      allowUnsignedSignals: true,
      hasSearchAttributes: true,
      constants: {
        ...DEFAULT_CONSTANTS,
        // An action that ended without success is not tried again while the test looks at it.
        ...{ backoff: [3_600_000], reapAfterMs: 500, executeTimeoutMs: settings.executeTimeoutMs },
      },
    },
  });
  tell({ kind: 'ready' });
  // Until SIGTERM: what is under way is brought to its end, and told.
  await worker.run();
  process.exit(0);
}

function runtimesOf({ home, docker, systemctl, journalctl }: WorkerSettings): Runtime[] {
  const here = { home, now: Date.now };
  return [
    createProcessRuntime(here),
    createDockerRuntime({ ...here, socket: docker }),
    createSystemdRuntime({ ...here, systemctl, journalctl }),
    createConfigRuntime(here),
    createScriptRuntime({ folders: [home], now: Date.now }),
    createWebhookRuntime({ allowPrivate: ['127.0.0.1'], now: Date.now }),
  ];
}

function holding(runtime: Runtime): Runtime {
  return {
    ...runtime,
    async inspect(target, step) {
      const snapshot = await runtime.inspect(target, step);
      await pass(target.resource, 'inspected');
      return snapshot;
    },
    async execute(request, signal) {
      await pass(request.target.resource, 'begun');
      const result = await runtime.execute(request, signal);
      await pass(request.target.resource, 'effect');
      return result;
    },
  };
}

type Statement = (text: string, values?: unknown[]) => Promise<QueryResult>;

/** The real statements go to the real database; an action is held before or after one of them. */
function holdAtStatements(pool: Pool): void {
  const query = pool.query.bind(pool) as Statement;
  const resourceNow = async (): Promise<string> => {
    const id = workflowNow().replace('action/', '');
    const { rows } = await query('select resource from actions where action_id::text = $1', [id]);
    return (rows as { resource: string }[])[0]?.resource ?? '';
  };
  const statement: Statement = async (text, values) => {
    if (holds.size === 0) return query(text, values);
    if (activityNow() === 'verify') await pass(await resourceNow(), 'verifying');
    if (text.includes('insert into fences')) await pass(await resourceNow(), 'locked');
    const result = await query(text, values);
    if (text.includes('update journal set ended_at')) await pass(await resourceNow(), 'ended');
    return result;
  };
  const seen = new WeakSet<PoolClient>();
  pool.on('connect', (client) => {
    if (seen.has(client)) return;
    seen.add(client);
    const run = client.query.bind(client) as Statement;
    const inTransaction: Statement = async (text, values) => {
      const result = await run(text, values);
      const point = text === 'commit' && holds.size > 0 ? COMMITTED[activityNow()] : undefined;
      if (point !== undefined) await pass(await resourceNow(), point);
      return result;
    };
    const original = client.query.bind(client);
    // The pool itself calls it with a callback.
    const either = (...args: unknown[]): unknown =>
      typeof args.at(-1) === 'function'
        ? (original as (...given: unknown[]) => unknown)(...args)
        : inTransaction(...(args as [string, unknown[]]));
    Object.assign(client, { query: either });
  });
  Object.assign(pool, { query: statement });
}

const COMMITTED: Readonly<Record<string, Point>> = { begin: 'confirmed', record: 'recorded' };

function activityNow(): string {
  try {
    return Context.current().info.activityType;
  } catch {
    return '';
  }
}

function workflowNow(): string {
  return Context.current().info.workflowExecution?.workflowId ?? '';
}
