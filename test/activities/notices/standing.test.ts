import { randomUUID } from 'node:crypto';
import { recordEnding } from '../../../activities/record';
import { DEFAULT_CONSTANTS } from '../../../activities';
import { tellStanding } from '../../../activities/notices/standing';
import { inTransaction, query } from '../../../storage/database';
import { listSources } from '../../../storage/manifest-sources';
import { letThrough } from '../../../storage/manifest-standstill';
import { applyRevision } from '../../../storage/manifests';
import { routeNotices } from '../../../storage/notice-routing';
import { insertNotice } from '../../../storage/notices';
import { insertRequest } from '../../../storage/requests';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { service } from '../../support/manifest-objects';
import { notice, notifyPlan } from '../../support/notices';
import { watched } from '../../support/policies';

const MINUTE_MS = 60_000;
const HELD_AFTER_MS = 10 * MINUTE_MS;
const RESOURCE = 'default/web';
const POLICY = 'default/web-policy';

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
  await applyRevision(database.pool, {
    ...{ source: 'test', author: 'vigil', correlationId: null, mode: 'upsert', deletions: [] },
    objects: watched('web', 'up == 0'),
  });
});
afterEach(() => database.drop());

/** The condition has had this verdict for so long. */
async function verdict(value: 'true' | 'false' | 'unknown', forMs = 60 * MINUTE_MS): Promise<void> {
  await query(
    database.pool,
    `insert into verdicts (resource, policy, verdict, evidence, since, severity, policy_revision, condition_hash, version)
     values ($1, $2, $3, '[]', clock_timestamp() - make_interval(secs => $4::float8 / 1000), 'critical', 1, 'h', 1)
     on conflict (resource, policy) do update set verdict = excluded.verdict, since = excluded.since`,
    [RESOURCE, POLICY, value, forMs],
  );
}

/** A gate has held the policy for so long; null: none does. */
async function hold(gate: string | null, forMs = 0): Promise<void> {
  await query(
    database.pool,
    `insert into episodes (resource, policy, generation, episode, held_gate, held_detail, held_since)
     values ($1, $2, 1, 1, $3, 'paused (*): release', clock_timestamp() - make_interval(secs => $4::float8 / 1000))
     on conflict (resource, policy, generation) do update set
       held_gate = excluded.held_gate, held_since = excluded.held_since`,
    [RESOURCE, POLICY, gate, forMs],
  );
}

const RELEASED = [{ kind: 'prune_held', resolved: true, text: 'This revision waits no longer.' }];

/** One look of the source `fleet`, which wants these Services. */
async function want(...names: string[]): Promise<string> {
  const { kind } = await applyRevision(database.pool, {
    ...{ source: 'fleet', author: 'Bob', correlationId: null, mode: 'replaceSource' },
    ...{ objects: names.map((name) => service(name)), deletions: [], pruneShare: 0.5 },
  });
  return kind;
}

it('tells once of each revision that is held for what it would remove, and when it is no longer', async () => {
  const opened = async () =>
    query<Written & Record<string, unknown>>(
      database.pool,
      `select title, text from notices where kind = 'prune_held' and state in ('new', 'open') order by id`,
    );
  await want('a', 'b', 'c', 'd');
  expect(await want('a')).toBe('held');
  expect(await want('a')).toBe('held');
  expect(await look()).toEqual([]);
  const [first, ...more] = await opened();
  expect(more).toEqual([]);
  expect(first?.title).toBe('fleet waits: it would remove 3 of 4 objects');
  expect(first?.text).toMatch(/^- Service default\/c$/m);
  const checksum = / allow-prune fleet --checksum (\w{8})$/.exec(first?.text ?? '')?.[1];
  expect((await listSources(database.pool))[0]?.held?.checksum.slice(0, 8)).toBe(checksum);

  expect(await want('b')).toBe('held');
  expect(await look()).toMatchObject(RELEASED);
  expect(await opened()).toHaveLength(1);

  const yes = { actor: 'user:ann', correlationId: null, reason: null, checksum: null };
  await letThrough(database.pool, 'fleet', yes);
  expect(await look()).toEqual([]);
  expect(await want('b')).toBe('applied');
  expect(await look()).toMatchObject(RELEASED);
  expect(await look()).toEqual([]);
});

interface Written {
  kind: string;
  key: string;
  resolved: boolean;
  title: string;
  text: string;
}
/** One look for standing reasons; what it wrote is routed, as the notifier would. */
async function look(): Promise<Written[]> {
  const before = await query<{ id: number }>(
    database.pool,
    'select coalesce(max(id), 0)::int as id from notices',
  );
  await tellStanding(database.pool, HELD_AFTER_MS);
  await routeNotices(database.pool, () => []);
  return query<Written & Record<string, unknown>>(
    database.pool,
    'select kind, key, resolved, title, text from notices where id > $1 order by id',
    [before[0]?.id ?? 0],
  );
}
async function written(changes: Parameters<typeof notice>[0]): Promise<void> {
  await insertNotice(database.pool, notice(changes));
  await routeNotices(database.pool, () => []);
}
async function request(state: 'open' | 'awaiting_approval', forMs: number): Promise<string> {
  const plan = notifyPlan({ actionId: randomUUID() });
  await inTransaction(database.pool, async (db) => {
    await insertRequest(db, {
      ...{ plan, generation: 1, episode: 1, since: Date.now(), maxConcurrent: 1, forced: false },
      ...{ state, waiter: 'w' },
    });
    await query(
      db,
      `update requests set created_at = clock_timestamp() - make_interval(secs => $2::float8 / 1000)
        where action_id = $1`,
      [plan.actionId, forMs],
    );
  });
  return plan.actionId;
}

test('what is held for more than ten minutes is told once, with why, since when and what to do', async () => {
  await verdict('true');
  await hold('outside_schedule', 11 * MINUTE_MS);
  const [told, ...more] = await look();
  expect(more).toEqual([]);
  expect(told).toMatchObject({
    kind: 'held',
    key: `held:${POLICY}:${RESOURCE}`,
    resolved: false,
    title: expect.stringContaining('outside_schedule') as string,
  });
  expect(told?.text).toContain('paused (*): release');
  expect(told?.text).toMatch(/Held since \d{4}-/);
  expect(told?.text).toContain('./vigil why default/web');
  expect(await look()).toEqual([]);
});

test.each([
  ['for less than ten minutes', 'paused', 9, 'true'],
  ['by a gate that tells people itself', 'attempts_exhausted', 60, 'true'],
  ['and no longer wrong', 'paused', 60, 'false'],
] as const)('what is held %s is not told', async (_, gate, minutes, value) => {
  await verdict(value);
  await hold(gate, minutes * MINUTE_MS);
  expect(await look()).toEqual([]);
});

test('a hold counts from where the condition became true', async () => {
  await verdict('true', 5 * MINUTE_MS);
  await hold('paused', 3 * 24 * 60 * MINUTE_MS);
  expect(await look()).toEqual([]);
});

test('a hold of another gate does not end the incident; none does', async () => {
  await verdict('true');
  await hold('paused', 11 * MINUTE_MS);
  await look();
  await hold('cooldown', 0);
  expect(await look()).toEqual([]);
  await hold(null);
  expect(await look()).toMatchObject([{ kind: 'held', resolved: true }]);
  expect(await look()).toEqual([]);
});

test('an action that has queued for more than ten minutes is told, until it is granted', async () => {
  await verdict('true');
  const id = await request('open', 11 * MINUTE_MS);
  expect(await look()).toMatchObject([{ kind: 'held', resolved: false }]);
  await query(database.pool, `update requests set state = 'granted' where action_id = $1`, [id]);
  expect(await look()).toMatchObject([{ kind: 'held', resolved: true }]);
});

test('an action that waits for people is not held', async () => {
  await verdict('true');
  await request('awaiting_approval', 60 * MINUTE_MS);
  expect(await look()).toEqual([]);
});

test.each(['policy', 'inconclusive', 'attempts_exhausted'] as const)(
  'an incident %s ends when the condition is false, not while it is unknown',
  async (kind) => {
    await verdict('true');
    await written({ kind, key: kind });
    expect(await look()).toEqual([]);
    await verdict('unknown');
    expect(await look()).toEqual([]);
    await verdict('false');
    expect(await look()).toMatchObject([{ kind, key: kind, resolved: true }]);
  },
);

test('an incident ends with its policy', async () => {
  await verdict('true');
  await written({ kind: 'policy', key: 'p' });
  await query(database.pool, 'update policies set deleted_at = now()');
  expect(await look()).toMatchObject([{ kind: 'policy', resolved: true }]);
});

test('an inconclusive action is told when it is recorded, until a later one helped', async () => {
  await verdict('true');
  const deps = { pool: database.pool, constants: DEFAULT_CONSTANTS };
  const unclear = await request('open', 0);
  await recordEnding(deps, unclear, () => ({
    ...{ event: 'recorded', outcome: 'inconclusive', reason: 'no fresh data' },
  }));
  await routeNotices(database.pool, () => []);
  expect(
    await query(database.pool, 'select kind, text from notices where not resolved'),
  ).toMatchObject([
    { kind: 'inconclusive', text: expect.stringContaining('no fresh data') as string },
  ]);
  expect(await look()).toEqual([]);
  const helped = await request('open', 0);
  await recordEnding(deps, helped, () => ({
    ...{ event: 'recorded', outcome: 'succeeded', reason: 'clear' },
  }));
  expect(await look()).toMatchObject([{ kind: 'inconclusive', resolved: true }]);
});

test('an approval that nobody has to give any more ends its incident', async () => {
  await verdict('true');
  const actionId = await request('awaiting_approval', 0);
  await written({ kind: 'approval_wanted', key: `approval:${actionId}`, actionId });
  expect(await look()).toEqual([]);
  await query(database.pool, `update requests set state = 'open'`);
  expect(await look()).toMatchObject([{ kind: 'approval_wanted', resolved: true }]);
});
