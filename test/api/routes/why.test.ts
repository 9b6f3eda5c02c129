import { insertAudit } from '../../../storage/audit';
import { query } from '../../../storage/database';
import { applyRevision } from '../../../storage/manifests';
import type { Expression } from '../../../domain/policy/ast';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { policy, service } from '../../support/manifest-objects';

let database: TestDatabase;
let api: TestApi;
let cutOff: TestApi;
let revision: number;

/** `http_up < 1` */
const IS_DOWN: Expression = {
  kind: 'compare',
  at: 0,
  op: '<',
  left: { kind: 'selector', at: 0, metric: 'http_up', matchers: [] },
  right: { kind: 'number', at: 0, value: 1, isPercent: false },
};

beforeEach(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  cutOff = await createTestApi({ pool: database.pool, temporalAddress: '127.0.0.1:1' });
  const down = policy('web-down', {
    condition: { text: 'http_up < 1 for 10m', expression: IS_DOWN, forMs: 600_000, hash: 'down' },
    severity: 'critical',
    target: { name: 'web', labels: {} },
  });
  const applied = await applyRevision(database.pool, {
    source: 'folder',
    author: 'vigil',
    correlationId: null,
    mode: 'upsert',
    objects: [service('web', { sync: { mode: 'detect', cooldownMs: 0 } }), down],
    deletions: [],
  });
  revision = applied.kind === 'applied' ? (applied.revision ?? 0) : 0;
});

afterEach(async () => {
  await api.close();
  await cutOff.close();
  await database.drop();
});

interface Evaluated {
  items: { verdict: string; value: number | null; firesInMs: number | null; since: string }[];
}

interface Why {
  text: string[];
  paused: boolean;
  policies: { policy: string; phase: string; verdict: string; held: unknown; attempts: number }[];
  decisions: { summary: string; event: string }[];
  temporal: { reachable: boolean; workflowId: string };
}

async function ingest(values: [secondsAgo: number, value: number][]): Promise<void> {
  const answer = await api.app.inject({
    method: 'POST',
    url: '/ingest',
    payload: values.map(([secondsAgo, value]) => ({
      name: 'http_up',
      value,
      tags: { resource: 'web' },
      timestamp: Date.now() - secondsAgo * 1000,
    })),
  });
  expect(answer.statusCode).toBe(201);
}

async function evaluate(path: string): Promise<Evaluated['items']> {
  const answer = await api.app.inject({ method: 'POST', url: `/api/v1/evaluate/${path}` });
  expect(answer.statusCode).toBe(200);
  return answer.json<Evaluated>().items;
}

async function why(from: TestApi, path = '/why/web'): Promise<Why> {
  return (await from.app.inject(path)).json<Why>();
}

/** Of one policy on the resource, as `held` by a gate for the next minute. */
async function hold(generation: number): Promise<void> {
  await query(
    database.pool,
    `insert into episodes (resource, policy, generation, episode, attempts, held_gate, held_detail, held_until, held_since)
     values ('default/web', 'default/web-down', $1, 2, 1, 'cooldown', 'cooling down after the last action',
       now() + interval '1 minute', now())`,
    [generation],
  );
}

test('evaluation answers from stored samples, with what is missing until it fires', async () => {
  await ingest([
    [40, 1],
    [30, 0],
    [5, 0],
  ]);
  const [item] = await evaluate('web');
  expect(item).toMatchObject({ policy: 'default/web-down', verdict: 'true', value: 0 });
  expect(item?.firesInMs).toBeGreaterThan(560_000);
  expect(item?.firesInMs).toBeLessThanOrEqual(570_000);
});

test('evaluation changes nothing', async () => {
  await ingest([[5, 0]]);
  await evaluate('default%2Fweb');
  await evaluate('web?namespace=default');
  for (const table of ['verdicts', 'episodes', 'requests', 'audit_events']) {
    const added = await query(
      database.pool,
      `select 1 from ${table} where to_jsonb(${table}) ->> 'event' is distinct from 'manifest_applied'`,
    );
    expect(added).toEqual([]);
  }
  const outbox = await query(database.pool, `select 1 from outbox where kind = 'verdictsChanged'`);
  expect(outbox).toEqual([]);
});

test('without samples the verdict is unknown, and an unknown resource is 404', async () => {
  expect(await evaluate('web')).toMatchObject([
    { verdict: 'unknown', value: null, firesInMs: null },
  ]);
  const answer = await api.app.inject({ method: 'POST', url: '/evaluate/wbe' });
  expect(answer.statusCode).toBe(404);
});

test('a run that began before the window keeps the beginning that the detector saw', async () => {
  await ingest([[5, 0]]);
  await query(
    database.pool,
    `insert into verdicts (resource, policy, verdict, evidence, since, severity, policy_revision, condition_hash, version)
     values ('default/web', 'default/web-down', 'true', '[]', '2026-01-01T00:00:00Z', 'critical', $1, 'down', 1)`,
    [revision],
  );
  expect(await evaluate('web')).toMatchObject([
    { since: '2026-01-01T00:00:00.000Z', firesInMs: 0 },
  ]);
});

test('a healthy resource without a workflow is inactive, and the text says that nothing is wrong', async () => {
  await ingest([[5, 1]]);
  const answer = await why(api);
  expect(answer).toMatchObject({
    paused: false,
    policies: [{ policy: 'default/web-down', phase: 'inactive', verdict: 'false' }],
    temporal: { reachable: true, workflowId: 'resource/default/web' },
  });
  expect(answer.text[0]).toContain('nothing is wrong');
  expect(await why(api, '/api/v1/resources/default/web/why')).toMatchObject({ policies: [{}] });
  expect((await api.app.inject('/why/default/nothing')).statusCode).toBe(404);
});

test('while Temporal is away the phases are unknown, and what the database knows is told', async () => {
  await ingest([[5, 0]]);
  await hold(revision);
  await api.app.inject({
    method: 'POST',
    url: '/pause',
    payload: { scope: '*', for: '10m', reason: 'storm' },
    headers: { 'x-vigil-actor': 'ann' },
  });

  const answer = await why(cutOff);

  expect(answer).toMatchObject({
    paused: true,
    policies: [
      {
        phase: 'unknown',
        verdict: 'true',
        held: { gate: 'cooldown', detail: 'cooling down after the last action' },
        attempts: 1,
      },
    ],
    temporal: { reachable: false },
  });
  const text = answer.text.join('\n');
  expect(text).toContain('Temporal gives no answer');
  expect(text).toContain('PAUSED (everything) by user:ann');
  expect(text).toContain('held back by cooldown: cooling down after the last action, until');
});

test('an episode of an earlier generation is over', async () => {
  await ingest([[5, 0]]);
  await hold(revision - 1);
  const [one] = (await why(cutOff)).policies;
  expect(one).toMatchObject({ held: null, attempts: 0 });
});

test('a resource that is only observed says that nothing can be done', async () => {
  await api.app.inject({
    method: 'POST',
    url: '/ingest',
    payload: { name: 'cpu_usage', value: 1, tags: { host: 'vm1' } },
  });
  const answer = await why(api, '/why/vm1');
  expect(answer.policies).toEqual([]);
  expect(answer.text[0]).toContain('only observed');
});

test('the last ten decisions come newest first, each in one line', async () => {
  const base = {
    namespace: 'default',
    resource: 'default/web',
    policy: 'default/web-down',
    actionId: null,
    step: -1,
    actor: 'policy:default/web-down',
    door: 'policy' as const,
    correlationId: null,
    policyRevision: 1,
  };
  const steps = [{ action: 'restart', params: {} }];
  await insertAudit(database.pool, [
    ...Array.from({ length: 9 }, () => ({ ...base, event: 'queued' as const, details: {} })),
    { ...base, event: 'requested', details: { steps, reason: 'http_up < 1' } },
    { ...base, event: 'recorded', details: { outcome: 'succeeded', reason: 'clear\nfor 30s' } },
  ]);
  const { decisions, text } = await why(api);
  expect(decisions).toHaveLength(10);
  expect(decisions.slice(0, 3).map(({ summary }) => summary)).toEqual([
    'ended: succeeded: clear for 30s',
    'restart requested by policy:default/web-down: http_up < 1',
    'queued behind',
  ]);
  expect(text.at(-10)).toMatch(/^ {2}[\d :-]+ {2}web-down {2}ended: succeeded: clear for 30s$/);
});
