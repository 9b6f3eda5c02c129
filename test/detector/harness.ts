import { randomUUID } from 'node:crypto';
import { Client } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { pino } from 'pino';
import type { QueryResultRow } from 'pg';
import { Registry } from 'prom-client';
import { startDetector, type Detector, type DetectorDeps } from '../../detector/detector';
import type { Condition, Expression } from '../../domain/policy/ast';
import { createTemporalClient } from '../../platform/temporal-client';
import { query } from '../../storage/database';
import { applyRevision, type ManifestObject } from '../../storage/manifests';
import { createSampleStore, type SampleStore } from '../../storage/samples';
import { resourceWorkflowId, type VerdictsChanged } from '../../workflows/contract';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { createTestTemporal, type TestTemporal } from '../support/temporal';
import { waitFor } from '../support/wait';

/** A port that nobody serves: what is sent there stays in the outbox. */
const NOWHERE = '127.0.0.1:1';

export interface TestSample {
  resource: string;
  name: string;
  value: number;
  /** Epoch ms. */
  ts?: number;
  tags?: Record<string, string>;
  correlationId?: string;
}

/** A detector on a real database, fed by the real group commit; Temporal's namespace is the test's own. */
export async function createHarness() {
  const database = await createTestDatabase();
  const temporal = await createTestTemporal();
  const client = await inOwnNamespace(temporal);
  const nowhere = createTemporalClient({ connection: { address: NOWHERE }, namespace: 'default' });
  const closing: (() => Promise<void>)[] = [];
  let detector: Detector | null = null;
  const store = createSampleStore({
    pool: database.pool,
    now: Date.now,
    onCommitted: (rows) => detector?.onCommitted(rows),
  });

  return {
    database,
    client,
    nowhere: nowhere.client,
    /** A store whose samples no detector is handed. */
    silentStore(): SampleStore {
      const silent = createSampleStore({ pool: database.pool, now: Date.now });
      closing.push(() => silent.close());
      return silent;
    },
    async start(changes: Partial<DetectorDeps> = {}): Promise<Detector> {
      const started = await startDetector({
        pool: database.pool,
        temporal: client,
        logger: pino({ level: 'silent' }),
        registry: new Registry(),
        now: Date.now,
        tickMs: 20,
        ...changes,
      });
      detector = started;
      closing.push(() => started.stop());
      return started;
    },
    /** Resolves once the newest detector hears what other processes say. */
    isListening: () =>
      waitFor('the detector listens', async () => {
        const rows = await query(
          database.pool,
          `select 1 from pg_stat_activity
           where datname = current_database() and state = 'idle' and query = 'listen "vigil_samples"'`,
          [],
        );
        return rows.length > 0;
      }),
    rows: <Row extends QueryResultRow>(sql: string, params: unknown[] = []) =>
      query<Row>(database.pool, sql, params),
    /** The rows once there are some. */
    rowsUntil: <Row extends QueryResultRow>(sql: string) =>
      waitFor('there are rows', async () => {
        const rows = await query<Row>(database.pool, sql, []);
        return rows.length > 0 && rows;
      }),
    apply: (objects: ManifestObject[]) => apply(database, objects),
    /** Resolves once committed; samples of one call are one batch. */
    ingest: (samples: TestSample[], into: SampleStore = store) =>
      into.append(samples.map(toSample), samples[0]?.correlationId ?? null),
    verdict: (resource: string, policy = 'default/failing') =>
      verdictOf(database, resource, policy),
    /** The verdict once it is that. */
    verdictIs: (resource: string, value: string, policy = 'default/failing') =>
      waitFor(`${policy} is ${value} on ${resource}`, async () => {
        const row = await verdictOf(database, resource, policy);
        return row?.verdict === value && row;
      }),
    /** Without what a new revision tells running workflows. */
    outbox: () =>
      query<OutboxRow>(
        database.pool,
        'select workflow_id, kind, payload, starts, priority from outbox where kind = $1 order by workflow_id',
        ['verdictsChanged'],
      ),
    signals: (resource: string) => signalsOf(client, resource),
    async close() {
      for (const close of closing.reverse()) await close();
      await store.close();
      await nowhere.close();
      await temporal.close();
      await database.drop();
    },
  };
}

export type Harness = Awaited<ReturnType<typeof createHarness>>;

interface OutboxRow {
  workflow_id: string;
  kind: string;
  payload: VerdictsChanged;
  starts: boolean;
  priority: number;
}

interface VerdictRow {
  verdict: string;
  value: number | null;
  since: number;
  cleared_at: number | null;
  version: number;
  policy_revision: number;
  evidence: { reason?: string }[];
}

async function verdictOf(
  { pool }: TestDatabase,
  resource: string,
  policy: string,
): Promise<VerdictRow | undefined> {
  const [row] = await query<VerdictRow & QueryResultRow>(
    pool,
    `select verdict, value, since, cleared_at, version, policy_revision, evidence
     from verdicts where resource = $1 and policy = $2`,
    [resource, policy],
  );
  return row;
}

function toSample({ resource, name, value, ts, tags }: TestSample) {
  return { name, tags: { resource, ...tags }, source: 'test', ts: ts ?? Date.now(), value };
}

async function apply({ pool }: TestDatabase, objects: ManifestObject[]): Promise<number> {
  const result = await applyRevision(pool, {
    source: 'folder:test',
    author: 'vigil',
    correlationId: null,
    mode: 'replaceSource',
    objects,
    deletions: [],
  });
  if (result.kind !== 'applied' || result.revision === null) throw new Error('nothing was applied');
  return result.revision;
}

/** `<metric> <op> <number>`, with the condition's own hash. */
export function condition(
  text: string,
  wrap: (operand: Expression) => Expression = (operand) => operand,
): Condition {
  const [, metric, op, number, percent] = /^(\w+) (\S+) (\d+)(%?)$/.exec(text) ?? [];
  const compare: Expression = {
    kind: 'compare',
    at: 0,
    op: op as '>',
    left: { kind: 'selector', at: 0, metric: metric ?? '', matchers: [] },
    right: { kind: 'number', at: 0, value: Number(number), isPercent: percent === '%' },
  };
  const expression = wrap(compare);
  return { text, expression, forMs: 0, hash: JSON.stringify(expression) };
}

/** No other test's worker or workflow is seen from here. */
async function inOwnNamespace({ client }: TestTemporal): Promise<Client> {
  const namespace = `detector-${randomUUID()}`;
  const { connection } = client;
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  const own = new Client({ connection, namespace });
  await waitFor('the namespace is known everywhere', () =>
    own.workflow
      .start('probe', { workflowId: 'probe', taskQueue: 'nobody' })
      .then((handle) => handle.terminate())
      .then(
        () => true,
        () => false,
      ),
  );
  return own;
}

/** The verdictsChanged signals in the history of the resource's present run. */
async function signalsOf(client: Client, resource: string): Promise<VerdictsChanged[]> {
  const handle = client.workflow.getHandle(resourceWorkflowId(resource));
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap((event) => {
    const signal = event.workflowExecutionSignaledEventAttributes;
    const data = signal?.signalName === 'verdictsChanged' && signal.input?.payloads?.[0]?.data;
    if (data === false || data === undefined || data === null) return [];
    return [JSON.parse(Buffer.from(data).toString('utf8')) as VerdictsChanged];
  });
}
