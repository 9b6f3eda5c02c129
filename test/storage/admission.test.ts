import { closeRequest } from '../../storage/requests';
import { admit } from '../../storage/admission';
import { noteOutcome } from '../../storage/breakers';
import { inTransaction, query } from '../../storage/database';
import { loadHoldCounts } from '../../storage/holds';
import { saveVerdicts, type StoredVerdict } from '../../storage/verdicts';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { policy, service } from '../support/manifest-objects';
import { apply, ask, putGroup } from '../support/requests';
import { writeDefinition } from '../support/definitions';

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const QUIET = { mode: 'detect', cooldownMs: 1000 } as const;
const NAMES = ['a', 'b', 'c', 'd', 'e'];

/** Five members and a policy that looks at all of them. */
async function fleet(): Promise<void> {
  await apply(
    database.pool,
    ...NAMES.map((name) => service(name, { sync: QUIET })),
    policy('p', { limits: { attempts: 3, maxConcurrent: 5 } }),
  );
}

async function judge(
  verdicts: Record<string, StoredVerdict['verdict']>,
  since = Date.now() - 60_000,
): Promise<void> {
  await saveVerdicts(
    database.pool,
    Object.entries(verdicts).map(([name, verdict], i) => ({
      ...{ resource: `default/${name}`, policy: 'default/p', verdict, value: 1, evidence: [] },
      ...{ since, clearedAt: null, severity: 'warning', policyRevision: 1, conditionHash: 'hash' },
      ...{ version: i + 1, updatedAt: Date.now() },
    })),
  );
}

async function askAndAdmit(name: string, policyKey: string | null = 'default/p') {
  const own = await ask(database.pool, {
    target: `default/${name}`,
    policy: policyKey,
    maxConcurrent: policyKey === null ? null : 5,
  });
  return (await admit(database.pool, { own })) ?? { kind: 'none' as const };
}

async function acting(): Promise<string[]> {
  const rows = await query<{ target: string }>(
    database.pool,
    'select target from slots order by token',
  );
  return rows.map(({ target }) => target.replace('default/', ''));
}

test('a group lets no more of its members be down than it says, and goes on when some are well', async () => {
  await fleet();
  await putGroup(database.pool, 'all', {
    limits: { maxUnhealthy: { kind: 'percent', percent: 40 } },
  });
  await judge({ a: 'true', b: 'true', c: 'true' });
  expect(await askAndAdmit('a')).toMatchObject({
    kind: 'queued',
    hold: {
      gate: 'blast_radius',
      detail:
        '3 of 5 members of group default/all are unhealthy or would be; at most 40 % = 2 may be',
    },
  });
  await judge({ c: 'false' });
  await admit(database.pool);
  expect(await acting()).toEqual(['a']);
});

test('a member without a known verdict counts as down', async () => {
  await fleet();
  await putGroup(database.pool, 'all', { limits: { maxUnhealthy: { kind: 'count', count: 1 } } });
  await judge({ a: 'true', b: 'unknown' });
  expect(await askAndAdmit('a')).toMatchObject({ hold: { gate: 'blast_radius' } });
});

test('drift, and policies that only tell people, make nobody unhealthy', async () => {
  await fleet();
  await apply(database.pool, policy('tell', { steps: [{ action: 'notify', params: {} }] }));
  await putGroup(database.pool, 'all', { limits: { maxUnhealthy: { kind: 'count', count: 1 } } });
  await judge({ a: 'true' });
  await query(
    database.pool,
    `insert into verdicts (resource, policy, verdict, evidence, since, severity, policy_revision, condition_hash, version)
     select 'default/' || name, 'default/tell', 'true', '[]', now() - interval '1 hour', 'warning', 1, 'h', 9
       from unnest($1::text[]) as name`,
    [NAMES],
  );
  expect(await askAndAdmit('a')).toMatchObject({ kind: 'granted' });
});

test('two groups that overlap must both admit', async () => {
  await fleet();
  await putGroup(database.pool, 'all', { limits: { maxConcurrent: { kind: 'count', count: 2 } } });
  await putGroup(database.pool, 'left', {
    members: { name: '?', labels: {} },
    limits: { maxConcurrent: { kind: 'count', count: 1 } },
  });
  expect(await askAndAdmit('a')).toMatchObject({ kind: 'granted' });
  expect(await askAndAdmit('b')).toMatchObject({
    kind: 'queued',
    hold: {
      gate: 'max_concurrent',
      detail: '1 of at most 1 members of group default/left are being acted on',
    },
  });
});

test('the group that a policy names holds for targets that are not in it', async () => {
  await fleet();
  await putGroup(database.pool, 'few', {
    members: { name: 'none-*', labels: {} },
    limits: { maxConcurrent: { kind: 'count', count: 1 } },
  });
  const limits = { attempts: 3, maxConcurrent: 5, group: 'default/few' };
  await apply(database.pool, policy('grouped', { limits }));
  expect(await askAndAdmit('a', 'default/grouped')).toMatchObject({ kind: 'granted' });
  expect(await askAndAdmit('b', 'default/grouped')).toMatchObject({
    hold: { gate: 'max_concurrent' },
  });
});

test('a policy that names a group which is not there does not act without it', async () => {
  await fleet();
  const limits = { attempts: 3, maxConcurrent: 5, group: 'default/gone' };
  await apply(database.pool, policy('grouped', { limits }));
  expect(await askAndAdmit('a', 'default/grouped')).toMatchObject({
    hold: {
      gate: 'max_concurrent',
      detail: expect.stringContaining('group default/gone, which no manifest describes') as string,
    },
  });
});

test('a limit of a policy without a group is over its targets', async () => {
  await fleet();
  const limits = {
    attempts: 3,
    maxConcurrent: 5,
    maxUnhealthy: { kind: 'count', count: 1 },
  } as const;
  await apply(database.pool, policy('p', { limits }));
  await judge({ a: 'true', b: 'true' });
  expect(await askAndAdmit('a')).toMatchObject({
    hold: {
      gate: 'blast_radius',
      detail: expect.stringContaining('the targets of default/p') as string,
    },
  });
});

test('a policy that names the group of a Service on several hosts counts the members of that group', async () => {
  await apply(
    database.pool,
    service('web', { sync: QUIET, hosts: ['x', 'y', 'z'] }),
    policy('p', {
      target: { name: 'web@x', labels: {} },
      limits: {
        attempts: 3,
        maxConcurrent: 5,
        maxUnhealthy: { kind: 'percent', percent: 40 },
        group: 'default/web',
      },
    }),
  );
  await judge({ 'web@x': 'true', 'web@y': 'true' });
  expect(await askAndAdmit('web@x')).toMatchObject({
    hold: {
      gate: 'blast_radius',
      detail:
        '2 of 3 members of group default/web are unhealthy or would be; at most 40 % = 1 may be',
    },
  });
  await judge({ 'web@y': 'false' });
  await admit(database.pool);
  expect(await acting()).toEqual(['web@x']);
});

test('a storm holds a group, is told once, and passes', async () => {
  await fleet();
  const storm = { members: { kind: 'count', count: 3 }, withinMs: 60_000 } as const;
  await putGroup(database.pool, 'all', { storm });
  const now = Date.now();
  await judge({ a: 'true', b: 'true', c: 'true' }, now - 5000);
  expect(await askAndAdmit('a')).toMatchObject({ hold: { gate: 'storm', until: now + 55_000 } });
  expect(await askAndAdmit('b')).toMatchObject({ hold: { gate: 'storm' } });
  const told = `select resolved from notices where kind = 'storm_open' order by id`;
  expect(await query(database.pool, told)).toEqual([{ resolved: false }]);
  await judge({ a: 'true', b: 'true', c: 'true' }, now - 61_000);
  await admit(database.pool, { isThorough: true });
  expect((await acting()).sort()).toEqual(['a', 'b']);
  expect(await query(database.pool, told)).toEqual([{ resolved: false }, { resolved: true }]);
  const audit = `select event from audit_events where event like 'storm%' order by id`;
  expect(await query(database.pool, audit)).toEqual([
    { event: 'storm_opened' },
    { event: 'storm_closed' },
  ]);
});

test('what needs a resource that is down waits for it, at a cold start too', async () => {
  await apply(
    database.pool,
    service('db', { sync: QUIET }),
    service('web', { sync: QUIET, dependsOn: ['default/db'] }),
    policy('p', { limits: { attempts: 3, maxConcurrent: 5 } }),
  );
  expect(await askAndAdmit('web')).toMatchObject({
    hold: {
      gate: 'dependency_down',
      detail: 'default/db, which it needs, is not known to be well: no verdict of it came yet',
    },
  });
  await judge({ db: 'true' });
  await admit(database.pool, { isThorough: true });
  expect(await acting()).toEqual([]);
  expect(await query(database.pool, 'select held_gate, held_detail from requests')).toEqual([
    {
      held_gate: 'dependency_down',
      held_detail: 'default/db, which it needs, is firing',
    },
  ]);
  await judge({ db: 'false' });
  await admit(database.pool);
  expect(await acting()).toEqual(['web']);
});

test('a dependency that only policies which tell people look at holds nobody', async () => {
  await apply(
    database.pool,
    service('db', { sync: QUIET }),
    service('web', { sync: QUIET, dependsOn: ['default/db'] }),
    policy('tell', { steps: [{ action: 'notify', params: {} }] }),
    policy('p', { target: { name: 'web', labels: {} } }),
  );
  expect(await askAndAdmit('web')).toMatchObject({ kind: 'granted' });
});

test('what another policy is granted in the same pass counts for the limit over the targets', async () => {
  await fleet();
  const limits = {
    attempts: 3,
    maxConcurrent: 5,
    maxUnhealthy: { kind: 'count', count: 1 },
  } as const;
  await apply(database.pool, policy('p', { limits }));
  const { pool } = database;
  const since = Date.now();
  await ask(pool, { target: 'default/a', policy: null, maxConcurrent: null, since: since - 1000 });
  await ask(pool, { target: 'default/b', policy: 'default/p', maxConcurrent: 5, since });
  await admit(pool, { isThorough: true });
  expect(await acting()).toEqual(['a']);
});

test('a service it needs is down when none of its members is well', async () => {
  await apply(
    database.pool,
    service('db', { sync: QUIET, hosts: ['x', 'y'] }),
    service('web', { sync: QUIET, dependsOn: ['default/db'] }),
    policy('p', { limits: { attempts: 3, maxConcurrent: 5 } }),
  );
  await judge({ 'db@x': 'true', 'db@y': 'true' });
  expect(await askAndAdmit('web')).toMatchObject({ hold: { gate: 'dependency_down' } });
  await judge({ 'db@y': 'false' });
  await admit(database.pool);
  expect(await acting()).toEqual(['web']);
});

test('a maintenance window that opens while a request is queued holds it until it ends', async () => {
  await fleet();
  const now = Date.now();
  await writeDefinition(database.pool, 'MaintenanceWindow', {
    ...{ key: 'default/disks', namespace: 'default', name: 'disks', reason: 'new disks' },
    target: { name: 'a', labels: {} },
    fixed: [{ from: now - 1000, to: now + 60_000 }],
    recurring: null,
  });
  expect(await askAndAdmit('a')).toMatchObject({
    hold: {
      gate: 'maintenance',
      detail: 'maintenance default/disks: new disks',
      until: now + 60_000,
    },
  });
  expect(await askAndAdmit('b')).toMatchObject({ kind: 'granted' });
});

test('a pause of a group covers its members, and nobody else', async () => {
  await fleet();
  await putGroup(database.pool, 'rack', { members: { name: 'a', labels: {} } });
  await query(
    database.pool,
    `insert into pauses (scope, reason, actor) values ('default/rack', 'moving it', 'me')`,
  );
  expect(await askAndAdmit('a')).toMatchObject({
    hold: { gate: 'paused', detail: 'paused (default/rack): moving it' },
  });
  expect(await askAndAdmit('b')).toMatchObject({ kind: 'granted' });
});

test('five failures open the breaker of a policy, three successes one at a time close it', async () => {
  await fleet();
  const { pool } = database;
  const note = (outcome: 'failed' | 'succeeded', now: number): Promise<void> =>
    inTransaction(pool, (db) => noteOutcome(db, { policy: 'default/p', outcome, now }));
  const now = Date.now();
  for (let i = 0; i < 5; i += 1) await note('failed', now);
  expect(await askAndAdmit('a')).toMatchObject({
    hold: { gate: 'breaker_open', until: now + 60_000 },
  });
  await query(pool, `update breakers set opened_at = now() - interval '61 seconds'`);
  await admit(pool, { isThorough: true });
  expect(await acting()).toEqual(['a']);
  expect(await askAndAdmit('b')).toMatchObject({ hold: { gate: 'max_concurrent' } });
  for (let i = 0; i < 3; i += 1) await note('succeeded', now);
  await admit(pool, { isThorough: true });
  expect(await acting()).toEqual(['a', 'b']);
  const told = await query(
    pool,
    `select resolved from notices where kind = 'breaker_open' order by id`,
  );
  expect(told).toEqual([{ resolved: false }, { resolved: true }]);
});

test('each hold is counted once for as long as the same gate holds', async () => {
  await fleet();
  await query(database.pool, `insert into pauses (scope, reason, actor) values ('*', 'x', 'me')`);
  await askAndAdmit('a');
  await askAndAdmit('b');
  await admit(database.pool, { isThorough: true });
  expect(await loadHoldCounts(database.pool)).toEqual([{ reason: 'paused', held: 2 }]);
});

test('of many that wait only the most urgent are looked at, and none is forgotten', async () => {
  const { pool } = database;
  const names = Array.from({ length: 60 }, (_, i) => `m${i}`);
  await apply(
    pool,
    ...names.map((name) => service(name, { sync: QUIET })),
    policy('p', { limits: { attempts: 3, maxConcurrent: 1 } }),
  );
  // The forty most urgent ones are paused: more than one narrow look sees.
  for (const name of names.slice(0, 40)) {
    await query(pool, `insert into pauses (scope, reason, actor) values ($1, 'x', 'me')`, [
      `default/${name}`,
    ]);
  }
  for (const [i, name] of names.entries()) await ask(pool, { target: `default/${name}`, since: i });
  const order: string[] = [];
  for (let i = 0; i < 20; i += 1) {
    await admit(pool);
    const [slot] = await query<{ action_id: string; target: string }>(
      pool,
      'select action_id, target from slots',
    );
    if (slot === undefined) break;
    order.push(slot.target.replace('default/', ''));
    await inTransaction(pool, (db) =>
      closeRequest(db, slot.action_id, { outcome: 'succeeded', reason: 'test' }),
    );
  }
  expect(order).toEqual(names.slice(40));
});
