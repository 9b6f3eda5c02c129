import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ActionPlan } from '../../../domain/action/action';
import { LINK_PURPOSE, linkText, type ApprovalLink } from '../../../domain/approval-link';
import { decidersOf, refusalToDecide } from '../../../domain/approvers';
import { signToken } from '../../../platform/signed-token';
import { saveLinkUse, saveVote } from '../../../storage/approvals';
import { query } from '../../../storage/database';
import { applyRevision } from '../../../storage/manifests';
import { closeRequest, insertRequest } from '../../../storage/requests';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { policy, serviceSpec } from '../../support/manifest-objects';
import type { Approval } from '../../support/decisions';
import { writeDefinition } from '../../support/definitions';

const KEY = 'ab'.repeat(32);
const PUBLIC_URL = 'https://vigil.example/base/';
const TOKEN = 'x'.repeat(40);
/** Where the api's clock stands; tests move it. */
let nowMs = Date.now();

let database: TestDatabase;
let api: TestApi;
/** The same with a token: closed but for what a link opens. */
let closed: TestApi;
let folder: string;
let revision: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-approvals-'));
  const approvalKeyFile = join(folder, 'approval.key');
  const tokenFile = join(folder, 'token');
  writeFileSync(approvalKeyFile, `${KEY}\n`);
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  database = await createTestDatabase();
  const { pool } = database;
  const deps = { now: () => nowMs };
  // Nothing here reaches a workflow: what does is tested with one.
  const temporalAddress = '127.0.0.1:1';
  const config = { approvalKeyFile, publicUrl: PUBLIC_URL };
  api = await createTestApi({ pool, config, deps, temporalAddress });
  closed = await createTestApi({ pool, config: { ...config, tokenFile }, deps, temporalAddress });
  await writeDefinition(pool, 'Approvers', {
    key: 'default/operators',
    namespace: 'default',
    name: 'operators',
    members: ['ada', 'bob'],
  });
  const applied = await applyRevision(pool, {
    source: 'api',
    author: 'user:zoe',
    correlationId: null,
    mode: 'upsert',
    objects: [policy('asks')],
    deletions: [],
  });
  revision = applied.kind === 'applied' ? (applied.revision ?? 0) : 0;
});

afterAll(async () => {
  await api.close();
  await closed.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  nowMs = Date.now();
});

function planOf(
  name: string,
  approval: Partial<Approval>,
  changes: Partial<ActionPlan>,
): ActionPlan {
  return {
    actionId: randomUUID(),
    resource: `default/${name}`,
    namespace: 'default',
    policy: 'default/asks',
    policyRevision: revision,
    severity: 'warning',
    spec: serviceSpec(),
    steps: [{ action: 'restart', params: {} }],
    verify: { settleMs: 0, stableMs: 0, withinMs: 1 },
    approval: { required: 1, deadlineMs: 600_000, onDeadline: 'expire', ...approval },
    dryRun: false,
    requestedBy: 'policy:default/asks',
    reason: '<b>up</b> == 0',
    correlationId: null,
    ...changes,
  };
}

/** A request that waits for people; returns the action. */
async function ask(
  name: string,
  approval: Partial<Approval> = {},
  changes: Partial<ActionPlan> = {},
): Promise<ActionPlan> {
  const plan = planOf(name, approval, changes);
  await insertRequest(database.pool, {
    ...{ plan, generation: 1, episode: 1, since: Date.now() },
    ...{ maxConcurrent: 1, forced: false, state: 'awaiting_approval', waiter: 'x' },
  });
  return plan;
}

interface Item {
  action: string;
  given: { approver: string; decision: string; comment: string | null; door: string }[];
  people: string[] | null;
}

async function list(search = '', prefix = '/api/v1') {
  const answer = await api.app.inject(`${prefix}/approvals?${search}`);
  expect(answer.statusCode).toBe(200);
  return answer.json<{ items: Item[]; nextCursor: string | null }>();
}

async function idsOf(search: string): Promise<string[]> {
  return (await list(search)).items.map(({ action }) => action);
}

describe('the list', () => {
  test('tells what is asked, of whom, until when, and what was said', async () => {
    const plan = await ask('told', { of: ['operators'], required: 2 });
    const vote = { comment: 'go', door: 'link', isSigned: true };
    await saveVote(database.pool, plan.actionId, {
      ...vote,
      actor: 'user:ada',
      decision: 'approve',
    });
    const { items } = await list('resource=told');
    expect(items).toEqual([
      {
        action: plan.actionId,
        resource: 'default/told',
        policy: 'default/asks',
        policyRevision: revision,
        severity: 'warning',
        steps: plan.steps,
        reason: plan.reason,
        requestedBy: 'policy:default/asks',
        requestedAt: expect.any(String) as unknown,
        state: 'awaiting_approval',
        outcome: null,
        required: 2,
        missing: 1,
        given: [
          {
            approver: 'user:ada',
            decision: 'approve',
            comment: 'go',
            door: 'link',
            signed: true,
            decidedAt: expect.any(String) as unknown,
          },
        ],
        of: ['operators'],
        escalateTo: [],
        people: ['ada', 'bob'],
        barred: [{ name: 'zoe', why: 'wrote the policy' }],
        shortfall: null,
        escalated: false,
        deadline: expect.any(String) as unknown,
        onDeadline: 'expire',
      },
    ]);
    expect((await list('resource=told', '')).items).toEqual(items);
  });

  test('what waits comes first, the newest before; pages neither repeat nor leave out', async () => {
    const made: string[] = [];
    for (const n of [1, 2, 3, 4, 5]) {
      made.push((await ask('paged', {}, { policy: `default/asks-${String(n)}` })).actionId);
    }
    const [one = '', two = '', three, four = '', five] = made;
    for (const id of [four, two]) {
      await closeRequest(database.pool, id, { outcome: 'expired', reason: 'late' });
    }
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const next: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page = await list(`resource=paged&limit=2${next}`);
      seen.push(...page.items.map(({ action }) => action));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual([five, three, one, four, two]);
    expect(await idsOf('resource=paged&pending=true')).toEqual([five, three, one]);
    expect(await idsOf('resource=paged&pending=false')).toEqual([four, two]);
    expect(await idsOf('policy=asks-3')).toEqual([three]);
  });

  test('the filter by approver and the rule of who may decide agree', async () => {
    const other = { namespace: 'other', resource: 'other/who' };
    const plans = [
      await ask('who', {}, { policy: 'default/a' }),
      await ask('who', { of: ['operators'] }),
      await ask('who', { of: ['user:eve', 'nobody'] }, { policy: 'default/b' }),
      await ask('who', { of: [] }, { policy: 'default/c' }),
      await ask('who', { of: ['operators'] }, { ...other, policy: 'other/d' }),
      await ask('who', {}, { policy: null, requestedBy: 'user:eve' }),
      await ask('who', { of: ['user:ada'], escalateTo: ['user:eve'] }, { policy: 'default/e' }),
    ];
    const escalated = await ask(
      'who',
      { of: ['user:ada'], escalateTo: ['user:eve'] },
      { policy: 'default/f' },
    );
    await query(database.pool, 'update requests set escalated_at = now() where action_id = $1', [
      escalated.actionId,
    ]);
    const lists = [
      {
        key: 'default/operators',
        namespace: 'default',
        name: 'operators',
        members: ['ada', 'bob'],
      },
    ];
    const all = [...plans, escalated];
    for (const name of ['ada', 'eve', 'zoe', 'nobody']) {
      const mine = all.filter((plan) => {
        const { approval } = plan;
        if (approval === null) return false;
        const isBound = plan.policy === 'default/asks';
        const deciders = decidersOf(
          {
            ...plan,
            approval,
            author: isBound ? 'user:zoe' : null,
            isEscalated: plan === escalated,
          },
          lists,
        );
        const voice = { actor: `user:${name}`, isSigned: true };
        return refusalToDecide('approve', voice, deciders) === null;
      });
      const found = [
        ...(await idsOf(`resource=who&approver=${name}`)),
        ...(await idsOf(`resource=other/who&approver=user:${name}`)),
      ];
      expect(found.sort()).toEqual(mine.map(({ actionId }) => actionId).sort());
    }
  });

  test('a cursor of ours only', async () => {
    expect((await api.app.inject('/approvals?cursor=nonsense')).statusCode).toBe(422);
  });
});

describe('people are told', () => {
  test('in the transaction of the request, and that it is over when it ends', async () => {
    const { actionId } = await ask('news', { required: 3, of: ['operators'] });
    await closeRequest(database.pool, actionId, { outcome: 'expired', reason: 'nobody decided' });
    // Ending it again tells nobody anything.
    await closeRequest(database.pool, actionId, { outcome: 'expired', reason: 'nobody decided' });
    const rows = await query<{ key: string; resolved: boolean; text: string }>(
      database.pool,
      `select key, resolved, text from notices where action_id = $1 order by id`,
      [actionId],
    );
    expect(rows).toEqual([
      { key: `approval/${actionId}`, resolved: false, text: expect.any(String) as unknown },
      { key: `approval/${actionId}`, resolved: true, text: 'expired: nobody decided' },
    ]);
    expect(rows[0]?.text).toContain('3 must say yes, and only ada, bob may');
  });
});

async function makeLink(plan: ActionPlan, payload: object) {
  const answer = await api.app.inject({
    method: 'POST',
    url: `/api/v1/actions/${plan.actionId}/links`,
    payload,
    headers: { 'x-vigil-actor': 'ann' },
  });
  return {
    status: answer.statusCode,
    ...answer.json<{ url: string; token: string; expiresAt: string; detail?: string }>(),
  };
}

function tokenFor(plan: ActionPlan, changes: Partial<ApprovalLink> = {}, key = KEY): string {
  const link: ApprovalLink = {
    actionId: plan.actionId,
    approver: 'user:ada',
    decision: null,
    expiresAt: nowMs + 60_000,
    nonce: randomUUID(),
    madeBy: 'vigil',
    ...changes,
  };
  return signToken({ key, purpose: LINK_PURPOSE }, linkText(link));
}

async function open(token: string, to = api) {
  const answer = await to.app.inject(`/api/v1/approve?token=${token}`);
  return { status: answer.statusCode, html: answer.body, headers: answer.headers };
}

async function press(token: string, fields: Record<string, string>, to = api) {
  const answer = await to.app.inject({
    method: 'POST',
    url: '/api/v1/approve',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ token, ...fields }).toString(),
  });
  return { status: answer.statusCode, html: answer.body };
}

describe('making a link', () => {
  test('it lives a quarter of an hour, and its address is the public one', async () => {
    const link = await makeLink(await ask('made', { deadlineMs: 3_600_000 }), { approver: 'ada' });
    expect(link).toMatchObject({ status: 201, approver: 'user:ada', decision: null });
    expect(link.url).toBe(`https://vigil.example/base/api/v1/approve?token=${link.token}`);
    expect(Date.parse(link.expiresAt)).toBe(nowMs + 15 * 60_000);
  });

  test('it never outlives the deadline, and may be shorter', async () => {
    const plan = await ask('short', { deadlineMs: 30_000 });
    const long = await makeLink(plan, { approver: 'ada', lifetime: '1h' });
    expect(Date.parse(long.expiresAt) - Date.now()).toBeLessThanOrEqual(30_000);
    const brief = await makeLink(plan, { approver: 'ada', lifetime: '5s' });
    expect(Date.parse(brief.expiresAt)).toBe(nowMs + 5000);
  });

  test('not for somebody who may not decide, nor a yes for the author of the policy', async () => {
    const plan = await ask('whom', { of: ['operators', 'user:zoe'] });
    expect(await makeLink(plan, { approver: 'eve' })).toMatchObject({
      status: 409,
      detail: 'eve is not among those who may: ada, bob, zoe may decide',
    });
    const yes = await makeLink(plan, { approver: 'zoe', decision: 'approve' });
    expect(yes).toMatchObject({
      status: 409,
      detail: expect.stringContaining('four eyes') as unknown,
    });
    expect((await makeLink(plan, { approver: 'zoe', decision: 'reject' })).status).toBe(201);
  });

  test('not for an action that is unknown, over, or asks nobody', async () => {
    const plan = await ask('over');
    await closeRequest(database.pool, plan.actionId, { outcome: 'expired', reason: 'late' });
    expect((await makeLink(plan, { approver: 'ada' })).status).toBe(409);
    const unknown = { ...plan, actionId: randomUUID() };
    expect((await makeLink(unknown, { approver: 'ada' })).status).toBe(404);
  });
});

describe('the page of a link', () => {
  test('shows what is asked, escaped, with a form; opening it changes nothing', async () => {
    const plan = await ask('page');
    const token = tokenFor(plan);
    const first = await open(token);
    expect(first.status).toBe(200);
    expect(first.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(first.headers['cache-control']).toBe('no-store');
    expect(first.headers['referrer-policy']).toBe('same-origin');
    expect(first.html).toContain('&lt;b&gt;up&lt;/b&gt; == 0');
    expect(first.html).not.toContain('<b>up');
    expect(first.html).toContain('value="approve"');
    expect(first.html).toContain('value="reject"');
    await open(token);
    await api.app.inject({ method: 'HEAD', url: `/api/v1/approve?token=${token}` });
    const used = await query(database.pool, 'select 1 from approval_links_used');
    const votes = await query(database.pool, 'select 1 from approvals where action_id = $1', [
      plan.actionId,
    ]);
    expect([used, votes]).toEqual([[], []]);
  });

  test('a link for one decision offers that one only', async () => {
    const { html } = await open(tokenFor(await ask('one'), { decision: 'reject' }));
    expect(html).toContain('value="reject"');
    expect(html).not.toContain('value="approve"');
  });

  test.each<[string, (plan: ActionPlan) => string | Promise<string>, number, string]>([
    ['of another key', (plan) => tokenFor(plan, {}, 'cd'.repeat(32)), 403, 'not made here'],
    ['that is nonsense', () => 'nonsense', 403, 'not made here'],
    ['that was altered', (plan) => `x${tokenFor(plan)}`, 403, 'not made here'],
    ['that has ended', (plan) => tokenFor(plan, { expiresAt: nowMs }), 410, 'this link ended at'],
    [
      'to no action',
      (plan) => tokenFor(plan, { actionId: randomUUID() }),
      404,
      'there is no action',
    ],
    [
      'that was used',
      async (plan) => {
        const used = {
          link: randomUUID(),
          use: 's',
          actionId: plan.actionId,
          approver: 'user:ada',
        };
        await saveLinkUse(database.pool, used);
        return tokenFor(plan, { nonce: used.link });
      },
      410,
      'it works once',
    ],
    [
      'to what is decided',
      async (plan) => {
        const end = { outcome: 'rejected', reason: 'rejected by user:bob' };
        await closeRequest(database.pool, plan.actionId, end);
        return tokenFor(plan);
      },
      409,
      'the action waits for no decision: it is recorded',
    ],
  ])('a link %s says so, opened or pressed', async (_, tokenOf, status, words) => {
    const plan = await ask('bad', {}, { policy: `default/${randomUUID()}` });
    const token = await tokenOf(plan);
    const opened = await open(token);
    expect(opened.status).toBe(status);
    expect(opened.html).toContain(words);
    const pressed = await press(token, { decision: 'approve' });
    expect(pressed.status).toBe(status);
    expect(pressed.html).toContain(words);
    const json = await api.app.inject({
      method: 'POST',
      url: '/api/v1/approve',
      payload: { token, decision: 'approve' },
    });
    expect(json.statusCode).toBe(status);
    expect(json.json<{ detail: string }>().detail).toContain(words);
  });

  test('a decision is needed, and only the one that the link is for', async () => {
    const plan = await ask('which');
    expect((await press(tokenFor(plan), {})).status).toBe(422);
    const no = tokenFor(plan, { decision: 'reject' });
    expect((await press(no, { decision: 'approve' })).status).toBe(422);
  });

  test('while Temporal is away nothing is decided, and the link stays good', async () => {
    const token = tokenFor(await ask('away'));
    const pressed = await press(token, { decision: 'approve', comment: '' });
    expect(pressed.status).toBe(503);
    expect(pressed.html).toContain('Temporal gave no answer');
    expect((await open(token)).status).toBe(200);
  });
});

describe('behind a token', () => {
  test('a link opens its page and nothing else', async () => {
    const plan = await ask('closed');
    const token = tokenFor(plan);
    expect((await open(token, closed)).status).toBe(200);
    expect((await closed.app.inject(`/approve?token=${token}`)).statusCode).toBe(200);
    expect((await press(token, { decision: 'approve' }, closed)).status).toBe(503);
    expect((await press('nonsense', { decision: 'approve' }, closed)).status).toBe(403);
    for (const url of ['/api/v1/approvals', '/approvals', `/api/v1/actions/${plan.actionId}`]) {
      expect((await closed.app.inject(`${url}?token=${token}`)).statusCode).toBe(401);
    }
    const links = { method: 'POST' as const, url: `/actions/${plan.actionId}/links` };
    const made = await closed.app.inject({ ...links, payload: { approver: 'ada' } });
    expect(made.statusCode).toBe(401);
  });
});
