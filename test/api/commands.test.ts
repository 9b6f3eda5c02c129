import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTestApi, type TestApi } from '../support/api';
import { APPROVAL_KEY, startControlPlane, type ControlPlane } from '../support/control-plane';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import { service } from '../support/manifest-objects';
import { watched } from '../support/policies';
import { waitFor } from '../support/wait';

let plane: ControlPlane;
let runtime: CountingRuntime;
let api: TestApi;

beforeAll(async () => {
  plane = await startControlPlane((home) => [(runtime = createCountingRuntime(home))]);
  const approvalKeyFile = join(plane.home, 'approval.key');
  writeFileSync(approvalKeyFile, `${APPROVAL_KEY}\n`);
  api = await createTestApi({
    pool: plane.database.pool,
    config: { approvalKeyFile },
    deps: { temporal: plane.temporal.client },
  });
}, 60_000);

afterAll(async () => {
  await api.close();
  await plane.stop();
});

interface Answer {
  id: string;
  state: string;
  outcome: string | null;
  requestedBy: string;
  gate?: string;
  policies: { policy: string; phase: string; waitsFor: string | null; until: string | null }[];
  text: string[];
}

async function post(url: string, payload: object = {}, actor = 'ann') {
  const headers = { 'x-vigil-actor': actor, 'x-request-id': `by-${actor}` };
  const answer = await api.app.inject({ method: 'POST', url: `/api/v1${url}`, payload, headers });
  return { status: answer.statusCode, ...answer.json<Answer>() };
}

async function get(url: string): Promise<Answer> {
  return (await api.app.inject(`/api/v1${url}`)).json<Answer>();
}

/** A resource whose policy asks for approval, firing; returns the action that waits. */
async function asked(name: string, required = 1): Promise<string> {
  const approval = { required, deadlineMs: 60_000, onDeadline: 'expire' as const };
  await plane.apply(...watched(name, 'up == 0', { approval }));
  await plane.send(name, 'up', 0);
  return waitFor('the approval to be asked', async () => {
    const [why] = (await get(`/why/${name}`)).policies;
    const [row] = await plane.rows<{ action_id: string }>(
      `select action_id from actions where resource = $1 and state = 'awaiting_approval'`,
      `default/${name}`,
    );
    return why?.phase === 'acting' && row?.action_id;
  });
}

test('a manual action is taken up, runs, and carries who asked and the request id', async () => {
  await plane.apply(service('manual', { sync: { mode: 'detect', cooldownMs: 0 } }));
  const action = await post('/actions', { target: 'manual', action: 'restart', reason: 'a try' });
  expect(action).toMatchObject({ status: 201, requestedBy: 'user:ann', requestId: 'by-ann' });
  await waitFor('the effect', () => runtime.effects().includes(`${action.id}/0`));
});

test('a paused resource refuses by the gate that holds, unless forced with a reason', async () => {
  await plane.apply(service('stopped', { sync: { mode: 'detect', cooldownMs: 0 } }));
  await post('/pause', { scope: 'stopped', reason: 'upgrade' });
  const refused = await post('/actions', { target: 'stopped', action: 'restart' });
  expect(refused).toMatchObject({ status: 409, gate: 'paused' });
  const forced = { target: 'stopped', action: 'restart', force: true, reason: 'urgent' };
  expect(await post('/actions', forced)).toMatchObject({ status: 201 });
});

test('a yes through the API lets an action run; a second decision comes too late', async () => {
  const id = await asked('asks');
  expect(await post(`/actions/${id}/approve`, { comment: 'go' }, 'bob')).toMatchObject({
    status: 200,
    ok: true,
    state: 'approved',
  });
  await plane.healthyUntil('asks', 'succeeded');
  expect(await get(`/actions/${id}`)).toMatchObject({
    outcome: 'succeeded',
    approvals: [{ approver: 'user:bob', decision: 'approve', comment: 'go', signed: true }],
  });
  expect(await post(`/actions/${id}/reject`)).toMatchObject({ status: 409 });
});

test('a no and a cancellation end an action, in the name that was given', async () => {
  const rejected = await asked('refuses');
  expect(await post(`/actions/${rejected}/reject`, { approver: 'carol' })).toMatchObject({
    state: 'rejected',
  });
  await plane.recorded('refuses', 'rejected');
  const cancelled = await asked('stops');
  expect(await post(`/actions/${cancelled}/cancel`)).toMatchObject({ state: 'cancelled' });
  await plane.recorded('stops', 'cancelled');
  expect(runtime.effects().filter((key) => key.startsWith(cancelled))).toEqual([]);
  const [decision] = await plane.rows<{ actor: string }>(
    `select actor from audit_events where action_id = $1 and event = 'approval_decided'`,
    rejected,
  );
  expect(decision?.actor).toBe('user:carol');
});

test('a yes is taken back by whoever gave it, and by nobody else', async () => {
  const id = await asked('back', 2);
  await post(`/actions/${id}/approve`, {}, 'bob');
  expect(await post(`/actions/${id}/withdraw`, {}, 'ann')).toMatchObject({ status: 409 });
  expect(await post(`/actions/${id}/withdraw`, { comment: 'wait' }, 'bob')).toMatchObject({
    status: 200,
    state: 'waiting',
  });
  expect(await get(`/actions/${id}`)).toMatchObject({
    approvals: [{ approver: 'user:bob', decision: 'withdrawn', comment: 'wait' }],
  });
  await post(`/actions/${id}/reject`);
  expect(await post(`/actions/${id}/withdraw`, {}, 'bob')).toMatchObject({ status: 409 });
});

async function press(token: string, comment: string) {
  const answer = await api.app.inject({
    method: 'POST',
    url: '/api/v1/approve',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ token, decision: 'approve', comment }).toString(),
  });
  return { status: answer.statusCode, html: answer.body };
}

async function linkFor(id: string, approver: string): Promise<string> {
  const answer = await api.app.inject({
    method: 'POST',
    url: `/api/v1/actions/${id}/links`,
    payload: { approver },
    headers: { 'x-vigil-actor': 'ann' },
  });
  return answer.json<{ token: string }>().token;
}

test('a link decides in the name of its person, once, audited by its door and its maker', async () => {
  const id = await asked('linked', 2);
  const token = await linkFor(id, 'bob');
  const both = await Promise.all([press(token, 'go'), press(token, 'go')]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, expect.any(Number)]);
  const [first, second] = both[0].status === 200 ? both : [both[1], both[0]];
  expect(first.html).toContain('Thank you: waiting');
  expect([409, 410]).toContain(second.status);
  const later = await press(token, 'again');
  expect(later.status).toBe(410);
  expect(later.html).toContain('it works once');
  const rows = await plane.rows(
    `select actor, door, details->>'comment' as comment, details->>'linkMadeBy' as maker
       from audit_events where action_id = $1 and event = 'approval_decided'
        and details->>'refused' is null`,
    id,
  );
  expect(rows).toEqual([{ actor: 'user:bob', door: 'link', comment: 'go', maker: 'user:ann' }]);
  const last = await press(await linkFor(id, 'carol'), '');
  expect(last.html).toContain('Thank you: approved');
  await plane.healthyUntil('linked', 'succeeded');
});

test('a link that comes after the decision says that it is too late', async () => {
  const id = await asked('slow');
  const token = await linkFor(id, 'bob');
  await post(`/actions/${id}/reject`, {}, 'carol');
  await plane.recorded('slow', 'rejected');
  const late = await press(token, '');
  expect(late.status).toBe(409);
  expect(late.html).toContain('waits for no decision');
});

test('why tells the phase of the running workflow and until when it waits', async () => {
  const [manifest, policy] = watched('waits', 'up == 0 for 10m');
  await plane.apply(manifest, policy);
  await plane.send('waits', 'up', 0);
  const why = await waitFor('the policy to be pending', async () => {
    const answer = await get('/why/waits');
    return answer.policies[0]?.phase === 'pending' && answer;
  });
  const [one] = why.policies;
  expect(one?.waitsFor).toBe('the condition to stay true');
  expect(Date.parse(one?.until ?? '') - Date.now()).toBeGreaterThan(9 * 60_000);
  expect(why.text[0]).toContain('waits-policy is pending; waits for the condition to stay');
});

test('resuming lets what the pause held back go on', async () => {
  await plane.apply(...watched('held', 'up == 0'));
  await post('/pause', { scope: 'held', reason: 'upgrade' });
  await plane.send('held', 'up', 0);
  const held = await waitFor('the hold', async () => {
    const answer = await get('/why/held');
    return answer.text[0]?.includes('held back by paused') === true && answer;
  });
  expect(held.text.join('\n')).toContain('PAUSED (default/held) by user:ann');
  const before = runtime.effects().length;
  expect(await post('/resume', { scope: 'held' })).toMatchObject({ status: 200 });
  await waitFor('the effect', () => runtime.effects().length > before);
});
