import { randomUUID } from 'node:crypto';
import type { ObservedState } from '../../../domain/action/runtime';
import { query } from '../../../storage/database';
import { applyRevision } from '../../../storage/manifests';
import { createObservationStore, recordObservation } from '../../../storage/observations';
import { getObserved } from '../../../storage/states';
import type { Change } from '../../../domain/drift/change';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { service } from '../../support/manifest-objects';

const NOW = Date.UTC(2026, 4, 1, 12, 0, 0);
const STOPPED: ObservedState = {
  ...{ identity: null, isRunning: false, isAbsent: false, command: null, env: null, config: [] },
};
const DOWN: Change = {
  ...{ pointer: '/running', kind: 'changed', desired: true, observed: false, severity: 'critical' },
  attribution: { from: 'event', by: null, at: NOW - 1000, what: 'stopped by signal 15' },
};
const VARIABLE: Change = {
  ...{ pointer: '/env/DEBUG', kind: 'extra', desired: null, observed: '1', severity: 'info' },
};

let database: TestDatabase;
let api: TestApi;

beforeEach(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool, deps: { now: () => NOW } });
  await applyRevision(database.pool, {
    ...{ source: 'folder', author: 'vigil', correlationId: null, deletions: [] },
    mode: 'replaceSource',
    objects: [
      service('db'),
      service('told', { sync: { mode: 'detect', cooldownMs: 1000 } }),
      service('web', { hosts: ['a', 'b'], dependsOn: ['default/db'] }),
      service('shop', { dependsOn: ['default/web'] }),
      service('run-by-others', { runtime: { type: 'external' } }),
    ],
  });
});
afterEach(async () => {
  await api.close();
  await database.drop();
});

async function record(name: string, changes: Change[], at = 0): Promise<void> {
  const resource = await getObserved(database.pool, `default/${name}`);
  if (resource === null) throw new Error(`no resource ${name}`);
  await recordObservation(createObservationStore(database.pool), {
    ...{ resource, observed: STOPPED, changes, observer: 'control', observedAt: NOW + at },
  });
}

interface Row {
  id: number;
  resource: string;
  pointer: string;
  held: { gate: string; detail: string; until: string | null } | null;
  recommended: { step: string; why: string } | null;
  impact: string[];
  actionId: string | null;
  [field: string]: unknown;
}

async function list(search = ''): Promise<Row[]> {
  const response = await api.app.inject(`/api/v1/drift${search}`);
  expect(response.statusCode).toBe(200);
  return response.json<{ items: Row[] }>().items;
}

async function first(search = ''): Promise<Row> {
  const [row] = await list(search);
  if (row === undefined) throw new Error('no drift');
  return row;
}

const sql = (text: string) => query<Record<string, unknown>>(database.pool, text);

const names = (rows: readonly Row[]) => rows.map(({ resource, pointer }) => resource + pointer);

test('a difference says in words what it is, how bad, since when, and who made it so', async () => {
  await record('db', [DOWN]);
  const row = await first();
  expect(row).toEqual({
    ...{ id: row.id, resource: 'default/db', pointer: '/running', kind: 'changed' },
    ...{ desired: true, observed: false, severity: 'critical', revision: 1 },
    sentence: 'does not run, and should',
    attribution: {
      ...{ from: 'event', by: null, what: 'stopped by signal 15' },
      at: '2026-05-01T11:59:59.000Z',
    },
    ...{ onset: '2026-05-01T12:00:00.000Z', resolvedAt: null, observer: 'control' },
    impact: ['default/shop', 'default/web@a', 'default/web@b'],
    recommended: { step: 'start', why: 'it does not run, and is as desired otherwise' },
    ...{ held: null, actionId: null },
  });
  const one = await api.app.inject(`/api/v1/drift/${row.id}`);
  expect([one.statusCode, one.json()]).toEqual([200, row]);
});

test('what was written before severities were kept has none', async () => {
  await sql(
    `insert into drift_events (resource, pointer, kind, desired, observed, revision, onset)
     values ('default/gone', '/version', 'version', '"2"', '"1"', 1, now())`,
  );
  expect(await first()).toMatchObject({
    ...{ severity: null, attribution: null, observer: null, recommended: null, impact: [] },
    sentence: 'is of version 1, desired 2',
  });
});

test('what is over needs no step', async () => {
  await record('db', [DOWN]);
  await record('db', [], 1000);
  expect(await first('?resolved=true')).toMatchObject({
    ...{ resolvedAt: '2026-05-01T12:00:01.000Z', recommended: null, held: null },
  });
  expect(await list('?resolved=false')).toEqual([]);
});

describe('filters', () => {
  beforeEach(async () => {
    await record('db', [DOWN]);
    await record('db', [], 60_000);
    await record('told', [DOWN, VARIABLE], 120_000);
  });

  test.each<[string, string[]]>([
    ['?resource=db', ['default/db/running']],
    ['?namespace=default&resolved=false&severity=critical', ['default/told/running']],
    ['?namespace=other', []],
    ['?kind=extra', ['default/told/env/DEBUG']],
    ['?pointer=/env/', ['default/told/env/DEBUG']],
    ['?until=2026-05-01T12:00:30Z', ['default/db/running']],
    ['?since=2026-05-01T12:01:30Z&pointer=/r', ['default/told/running']],
    ['?since=2026-05-01T12:00:59Z&until=2026-05-01T12:01:01Z', ['default/db/running']],
  ])('%s', async (search, expected) => {
    expect(names(await list(search))).toEqual(expected);
  });

  test('come page by page', async () => {
    const page = await api.app.inject('/api/v1/drift?severity=critical&limit=1');
    const { items, nextCursor } = page.json<{ items: Row[]; nextCursor: string }>();
    expect(names(items)).toEqual(['default/told/running']);
    const rest = await list(`?severity=critical&limit=1&cursor=${nextCursor}`);
    expect(names(rest)).toEqual(['default/db/running']);
  });

  test.each(['severity=bad', 'kind=other', 'since=yesterday', 'resolved=maybe'])(
    '%s is refused',
    async (search) => {
      expect((await api.app.inject(`/api/v1/drift?${search}`)).statusCode).toBe(422);
    },
  );

  test('an id that is not there, and one that is none', async () => {
    expect((await api.app.inject('/api/v1/drift/999999')).statusCode).toBe(404);
    expect((await api.app.inject('/api/v1/drift/web')).statusCode).toBe(422);
  });
});

describe('what holds the repair', () => {
  const action = randomUUID();

  async function ask(state: string, held = 'null, null, null'): Promise<void> {
    await sql(
      `insert into requests (action_id, resource, policy, generation, episode, attempt, target, severity, since,
         policy_revision, plan, state, waiter, held_gate, held_detail, held_until)
       values ('${action}', 'default/db', 'default/db:sync', 1, 1, 1, 'default/db', 'warning', now(), 1, '{}',
         '${state}', 'x', ${held})`,
    );
  }

  async function episode(fields: string, values: string): Promise<void> {
    await sql(
      `insert into episodes (resource, policy, generation, episode, ${fields})
       values ('default/db', 'default/db:sync', 1, 1, ${values})`,
    );
  }

  test('nobody asked Vigil to repair it', async () => {
    await record('told', [DOWN]);
    const { held, recommended } = await first();
    expect([held?.gate, recommended?.step]).toEqual(['detect_only', 'start']);
  });

  test('where no step repairs it, nothing is held', async () => {
    await record('run-by-others', [DOWN]);
    const { held, recommended } = await first();
    expect([held, recommended?.step]).toEqual([null, 'nothing']);
  });

  test('a pause', async () => {
    await record('db', [DOWN]);
    await sql(
      `insert into pauses (scope, reason, actor, until)
       values ('default/db', 'the disk is swapped', 'user:eve', '2026-05-01T13:00:00Z')`,
    );
    expect((await first()).held).toEqual({
      ...{ gate: 'paused', detail: 'paused (default/db): the disk is swapped' },
      until: '2026-05-01T13:00:00.000Z',
    });
  });

  test('a cooldown, until it is over', async () => {
    await record('db', [DOWN]);
    await episode('cooldown_until', `'2026-05-01T12:00:30Z'`);
    expect((await first()).held).toMatchObject({
      ...{ gate: 'cooldown', until: '2026-05-01T12:00:30.000Z' },
    });
    await sql(`update episodes set cooldown_until = '2026-05-01T11:59:59Z'`);
    expect((await first()).held).toBeNull();
  });

  test('used attempts, of this episode and not of one that is over', async () => {
    await record('db', [DOWN]);
    await episode('attempts, recorded_at', `3, '2026-05-01T11:00:00Z'`);
    expect((await first()).held?.gate).toBe('attempts_exhausted');
    await sql(
      `insert into verdicts (resource, policy, verdict, evidence, since, cleared_at, severity, policy_revision, condition_hash, version)
       values ('default/db', 'default/db:sync', 'true', '[]', '2026-05-01T11:59:00Z', '2026-05-01T11:30:00Z', 'warning', 1, 'hash', 1)`,
    );
    expect((await first()).held).toBeNull();
  });

  test('an approval that is wanted', async () => {
    await record('db', [DOWN]);
    await ask('awaiting_approval');
    const { held, actionId } = await first();
    expect([held?.gate, actionId]).toEqual(['awaiting_approval', action]);
  });

  test('what its action waits for in the queue', async () => {
    await record('db', [DOWN]);
    await ask('open', `'max_concurrent', '1 of at most 1 targets', null`);
    expect((await first()).held).toEqual({
      ...{ gate: 'max_concurrent', detail: '1 of at most 1 targets', until: null },
    });
  });

  test('nothing, while it is repaired', async () => {
    await record('db', [DOWN]);
    await ask('granted');
    await sql(`insert into slots (action_id, target) values ('${action}', 'default/db')`);
    const { held, actionId } = await first();
    expect([held, actionId]).toEqual([null, action]);
  });

  test('somebody else who works on it', async () => {
    await record('db', [DOWN]);
    await ask('granted');
    await sql(`update requests set policy = null`);
    await sql(`insert into slots (action_id, target) values ('${action}', 'default/db')`);
    const { held, actionId } = await first();
    expect([held?.gate, actionId]).toEqual(['target_busy', null]);
  });
});
