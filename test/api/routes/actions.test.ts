import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { insertAudit } from '../../../storage/audit';
import { query } from '../../../storage/database';
import { applyRevision } from '../../../storage/manifests';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { service } from '../../support/manifest-objects';

let database: TestDatabase;
let api: TestApi;
/** An api whose Temporal does not answer. */
let cutOff: TestApi;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-actions-'));
  const approvalKeyFile = join(folder, 'approval.key');
  writeFileSync(approvalKeyFile, `${'ab'.repeat(32)}\n`);
  database = await createTestDatabase();
  const config = { approvalKeyFile, uiUrl: 'http://127.0.0.1:8233/' };
  api = await createTestApi({ pool: database.pool, config });
  cutOff = await createTestApi({ pool: database.pool, config, temporalAddress: '127.0.0.1:1' });
  await applyRevision(database.pool, {
    source: 'folder',
    author: 'vigil',
    correlationId: null,
    mode: 'upsert',
    objects: [service('web')],
    deletions: [],
  });
});

afterAll(async () => {
  await api.close();
  await cutOff.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

interface Problem {
  detail: string;
  problems?: { field: string; message: string }[];
}

async function post(to: TestApi, url: string, payload?: object) {
  const body = payload === undefined ? {} : { payload };
  return to.app.inject({ method: 'POST', url: `/api/v1${url}`, ...body });
}

async function fieldsOf(payload: object): Promise<string[]> {
  const answer = await post(api, '/actions', payload);
  expect(answer.statusCode).toBe(422);
  return (answer.json<Problem>().problems ?? []).map(({ field }) => field);
}

describe('an action that cannot be', () => {
  test('an unknown target is 404', async () => {
    const answer = await post(api, '/actions', { target: 'wbe', action: 'restart' });
    expect(answer.statusCode).toBe(404);
  });

  test('a verb that the runtime lacks is 422 and names those it has', async () => {
    const answer = await post(api, '/actions', { target: 'web', action: 'reboot' });
    expect(answer.statusCode).toBe(422);
    const [problem] = answer.json<Problem>().problems ?? [];
    expect(problem?.field).toBe('action');
    expect(problem?.message).toContain('restart');
  });

  test('every wrong parameter and field is listed', async () => {
    const params = { by: 1, nonsense: true };
    expect(await fieldsOf({ target: 'web', action: 'restart', params })).toEqual([
      'params.by',
      'params.nonsense',
    ]);
    expect(await fieldsOf({ target: '', params: { a: [] }, colour: 'red' })).toEqual(
      expect.arrayContaining(['target', 'action', 'params.a']),
    );
  });

  test('force needs a reason', async () => {
    expect(await fieldsOf({ target: 'web', action: 'restart', force: true })).toEqual(['reason']);
  });

  test('a resource that is only observed has nothing that could act', async () => {
    await api.app.inject({
      method: 'POST',
      url: '/ingest',
      payload: { name: 'up', value: 1, tags: { resource: 'seen' } },
    });
    expect(await fieldsOf({ target: 'seen', action: 'restart' })).toEqual(['target']);
  });

  test('with Temporal away it is 503 with Retry-After, and nothing was requested', async () => {
    const answer = await post(cutOff, '/actions', { target: 'web', action: 'restart_service' });
    expect(answer.statusCode).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.json<Problem>().detail).toContain('Temporal');
    expect(await query(database.pool, 'select 1 from requests')).toEqual([]);
  });
});

describe('a decision', () => {
  async function requested(state = 'awaiting_approval'): Promise<string> {
    const id = randomUUID();
    await query(
      database.pool,
      `insert into requests (action_id, resource, policy, generation, episode, attempt, target, severity, since,
         policy_revision, plan, state, waiter)
       values ($1, 'default/web', null, 1, 1, 1, 'default/web', 'warning', now(), 1, '{}', $2, 'somebody')`,
      [id, state],
    );
    return id;
  }

  test.each(['approve', 'reject', 'cancel'])('to %s an unknown action is 404', async (decision) => {
    expect((await post(api, `/actions/${randomUUID()}/${decision}`)).statusCode).toBe(404);
    expect((await post(api, `/actions/nonsense/${decision}`, {})).statusCode).toBe(404);
  });

  test('on an action without a running workflow is 409', async () => {
    const answer = await post(api, `/actions/${await requested('closed')}/approve`, {
      comment: 'go',
    });
    expect(answer.statusCode).toBe(409);
    expect(answer.json<Problem>().detail).toContain('waits for no decision');
  });

  test('is 503 with Retry-After while Temporal is away', async () => {
    const answer = await post(cutOff, `/actions/${await requested()}/reject`, {});
    expect(answer.statusCode).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('is 503 where the key that signs it cannot be read', async () => {
    const approvalKeyFile = join(folder, 'none.key');
    const keyless = await createTestApi({ pool: database.pool, config: { approvalKeyFile } });
    const answer = await post(keyless, `/actions/${await requested()}/approve`);
    await keyless.close();
    expect(answer.statusCode).toBe(503);
    expect(answer.json<Problem>().detail).toContain('approval key');
  });

  test('takes no unknown fields and no empty comment', async () => {
    const answer = await post(api, `/actions/${await requested()}/approve`, {
      comment: ' ',
      as: 1,
    });
    expect(answer.statusCode).toBe(422);
  });
});

describe('the list', () => {
  const ids = Array.from({ length: 5 }, () => randomUUID()).sort();

  beforeAll(async () => {
    // The first three share a timestamp; microseconds decide between the other two.
    const times = ['10.000000', '10.000000', '10.000000', '20.000001', '20.000002'];
    for (const [i, id] of ids.entries()) {
      await query(
        database.pool,
        `insert into actions (action_id, resource, policy, policy_revision, severity, steps, state, outcome, dry_run,
           requested_by, reason, correlation_id, requested_at)
         values ($1, $2, $3, 7, 'warning', '[{"action":"restart","params":{}}]', $4, $5, false, 'user:ann', 'why', 'r1',
           ('2026-01-01T00:00:' || $6)::timestamptz)`,
        [
          id,
          i === 0 ? 'default/db' : 'default/web',
          i < 2 ? null : 'default/web-down',
          i === 4 ? 'executing' : 'recorded',
          i === 4 ? null : 'succeeded',
          times[i],
        ],
      );
    }
  });

  async function list(search: string): Promise<{ ids: string[]; nextCursor: string | null }> {
    const answer = await api.app.inject(`/api/v1/actions?${search}`);
    const page = answer.json<{ items: { id: string }[]; nextCursor: string | null }>();
    return { ids: page.items.map(({ id }) => id), nextCursor: page.nextCursor };
  }

  test('is newest first, and pages neither repeat nor leave out', async () => {
    const seen: string[] = [];
    let page = await list('limit=2');
    seen.push(...page.ids);
    while (page.nextCursor !== null) {
      page = await list(`limit=2&cursor=${page.nextCursor}`);
      seen.push(...page.ids);
    }
    expect(seen).toEqual([ids[4], ids[3], ids[0], ids[1], ids[2]]);
  });

  test('is filtered', async () => {
    expect((await list('resource=db')).ids).toEqual([ids[0]]);
    expect((await list('state=executing')).ids).toEqual([ids[4]]);
    expect((await list('policy=web-down&outcome=succeeded')).ids).toEqual([ids[3], ids[2]]);
    expect((await api.app.inject('/actions?state=nonsense')).statusCode).toBe(422);
  });

  test('one action tells its decisions, its audit rows and where its workflow is', async () => {
    const [, , , , id = ''] = ids;
    await query(
      database.pool,
      `insert into requests (action_id, resource, policy, generation, episode, attempt, target, severity, since,
         policy_revision, plan, state, waiter)
       values ($1, 'default/web', 'default/web-down', 1, 1, 1, 'default/web', 'warning', now(), 7, '{}', 'granted', 'x')`,
      [id],
    );
    await query(
      database.pool,
      `insert into approvals (action_id, approver, decision, comment, door, signed)
       values ($1, 'user:bob', 'approve', 'go', 'cli', true)`,
      [id],
    );
    const base = {
      namespace: 'default',
      resource: 'default/web',
      policy: 'default/web-down',
      actionId: id,
      step: -1,
      actor: 'policy:default/web-down',
      door: 'policy' as const,
      correlationId: 'r1',
      policyRevision: 7,
      details: {},
    };
    await insertAudit(database.pool, [
      { ...base, event: 'requested' },
      { ...base, event: 'admitted' },
    ]);

    const answer = (await api.app.inject(`/actions/${id}`)).json<Record<string, unknown>>();

    expect(answer).toMatchObject({
      id,
      resource: 'default/web',
      steps: [{ action: 'restart', params: {} }],
      state: 'executing',
      outcome: null,
      requestId: 'r1',
      requestedAt: '2026-01-01T00:00:20.000Z',
      approvals: [{ approver: 'user:bob', decision: 'approve', comment: 'go', signed: true }],
      audit: [{ event: 'requested' }, { event: 'admitted' }],
      workflow: {
        id: `action/${id}`,
        url: `http://127.0.0.1:8233/namespaces/default/workflows/action%2F${id}`,
      },
    });
    expect((await api.app.inject(`/actions/${randomUUID()}`)).statusCode).toBe(404);
    expect((await api.app.inject('/actions/nonsense')).statusCode).toBe(404);
  });
});
