import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import { isAlive } from '../../cli/up/os-process';
import { actionWorkflowId, resourceWorkflowId } from '../../workflows/contract';
import { followEvents, type EventReader } from '../support/event-reader';
import { createStack, type Stack } from '../support/stack';
import {
  actionsOf,
  inPhase,
  recordedAction,
  sealedRows,
  why,
  type ActionView,
} from '../support/stack-story';
import { storyOf } from '../support/temporal-story';
import { killNow } from '../support/kill';
import { waitFor } from '../support/wait';
import { addWebService, CONFIG, restartPolicy, type WebService } from '../support/web-service';

/** What an action leaves that nobody had to approve, in this order. */
const STORY = ['requested', 'admitted', 'begun', 'executed', 'verified', 'recorded'];

let stack: Stack;
let web: WebService;
let busy: WebService;
let asked: WebService;
let connection: Connection;
let temporal: Client;
let events: EventReader;

beforeAll(async () => {
  stack = await createStack();
  const [webPort = 0, busyPort = 0, askedPort = 0] = stack.ports.services;
  web = addWebService(stack, {
    name: 'web',
    port: webPort,
    sync: 'heal',
    policies: [restartPolicy('web-down', 'web', { condition: 'process_up == 0 for 2 attempts' })],
  });
  busy = addWebService(stack, {
    name: 'busy',
    port: busyPort,
    policies: [
      restartPolicy('busy-cpu', 'busy', {
        // Little enough to be had on a machine that builds something beside.
        condition: 'process_cpu_usage > 5% for 5s',
        cooldown: '8s',
      }),
    ],
  });
  asked = addWebService(stack, {
    name: 'asked',
    port: askedPort,
    policies: [
      restartPolicy('asked-sick', 'asked', {
        condition: 'http_up == 0 and process_up == 1',
        cooldown: '1s',
        approval: '{ required: 1, deadline: 2m, onDeadline: expire }',
      }),
    ],
  });
  await stack.start();
  connection = await Connection.connect({ address: `127.0.0.1:${stack.ports.temporal}` });
  temporal = new Client({ connection });
  events = await followEvents(`${stack.apiUrl}/api/v1/events`);
  for (const service of [web, busy, asked]) {
    await waitFor(`${service.name} to be started`, service.pid, 30_000);
  }
  await waitFor('samples of every service', async () => {
    const found = await Promise.all(
      [web, busy, asked].map(({ name }) =>
        stack.api<{ items: unknown[] }>(`/query?name=process_cpu_usage&tag=resource%3D${name}`),
      ),
    );
    return found.every(({ body }) => body.items.length > 0);
  });
}, 180_000);

afterAll(() => events.close());
afterAll(() => connection.close());
afterAll(async () => {
  try {
    await stack.stop();
  } finally {
    await stack.remove();
  }
}, 90_000);

test('a killed process is back within seconds, verified, and every record tells the same story', async () => {
  const before = await web.pid();
  killNow(before);
  const after = await waitFor('another process', async () => {
    const pid = await web.pid();
    return pid !== before && pid;
  });
  expect(isAlive(after)).toBe(true);
  const action = await recordedAction(stack, 'web', 'web-down');
  expect(action).toMatchObject({
    resource: 'default/web',
    outcome: 'succeeded',
    state: 'recorded',
  });
  expect(web.starts()).toBe(2);
  await expectAudited(action);
  await expectTold(action);
  await expectInTemporal(action);
  expect((await why(stack, 'web')).text.join('\n')).toMatch(/ended: succeeded/);
}, 60_000);

async function expectAudited({ id }: ActionView): Promise<void> {
  const rows = await sealedRows(stack, id);
  expect(rows.map(({ event }) => event)).toEqual(STORY);
  for (const { hash } of rows) expect(hash).toMatch(/^[0-9a-f]{64}$/);
  const seals = rows.map(({ seal }) => seal ?? 0);
  expect(seals).toEqual([...seals].sort((a, b) => a - b));
  const { body } = await stack.api<{ ok: boolean; rows: number }>('/audit/verify');
  expect(body).toMatchObject({ ok: true });
  expect(body.rows).toBeGreaterThanOrEqual(STORY.length);
}

async function expectTold({ id }: ActionView): Promise<void> {
  const told = await waitFor('the events of the action', () => {
    const mine = events.seen().filter(({ data }) => data.actionId === id);
    return mine.length >= STORY.length && mine;
  });
  expect(told.map(({ event }) => event)).toEqual(STORY);
  const [first] = told;
  const again = await followEvents(`${stack.apiUrl}/api/v1/events`, first?.id);
  const next = await waitFor('the events behind the first', () => again.seen()[0]);
  expect(Number(next.id)).toBe(Number(first?.id) + 1);
  await again.close();
}

async function expectInTemporal({ id }: ActionView): Promise<void> {
  // The record is there a moment before the run is over.
  await temporal.workflow.getHandle(actionWorkflowId(id)).result();
  const run = await storyOf(temporal, actionWorkflowId(id));
  expect(run.staticSummary).toBe('restart default/web');
  expect(run.activities.map(({ type }) => type)).toEqual([
    'inspect',
    'begin',
    'execute',
    'verify',
    'record',
  ]);
  for (const { summary } of run.activities) expect(summary).toMatch(/\S \S/);
  expect(run.attributes).toMatchObject({
    VigilResource: 'default/web',
    VigilPolicy: ['default/web-down'],
    VigilOutcome: 'succeeded',
  });
  const resource = await waitFor('a timer of the policy', async () => {
    const story = await storyOf(temporal, resourceWorkflowId('default/web'));
    return story.timers.some((summary) => summary.includes('web-down')) && story;
  });
  expect(resource.activities.map(({ summary }) => summary)).toContain('May default/web-down act?');
  expect(resource.attributes).toMatchObject({ VigilResource: 'default/web' });
  const found = await waitFor('both to be listed', async () => {
    const ids: string[] = [];
    for await (const one of temporal.workflow.list({ query: "VigilResource = 'default/web'" })) {
      ids.push(one.workflowId);
    }
    return ids.length >= 2 && ids;
  });
  expect(found).toEqual(
    expect.arrayContaining([actionWorkflowId(id), resourceWorkflowId('default/web')]),
  );
}

interface DriftView {
  pointer: string;
  onset: string;
  resolvedAt: string | null;
}

/** The newest that was seen in the file. */
async function configDrift(): Promise<DriftView | undefined> {
  const { body } = await stack.api<{ items: DriftView[] }>('/drift?resource=web');
  const pointer = `/config/${web.configPath.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return body.items.find((one) => one.pointer === pointer);
}

test('a config file that was changed on disk is drift, and is put back without a restart', async () => {
  const pid = await web.pid();
  // The clock that stamps files may be behind by a tick.
  const changedAt = Date.now() - 20;
  writeFileSync(web.configPath, 'greeting = goodbye\n');
  const drift = await waitFor('the drift to be seen', () => configDrift());
  expect(Date.parse(drift.onset)).toBeGreaterThanOrEqual(changedAt);
  const action = await recordedAction(stack, 'web', 'web:sync');
  expect(action.outcome).toBe('succeeded');
  expect(readFileSync(web.configPath, 'utf8')).toBe(CONFIG);
  await waitFor('the drift to be resolved', async () => (await configDrift())?.resolvedAt);
  expect(await web.pid()).toBe(pid);
}, 60_000);

test('a process that is busy for too long is restarted once, and then it cools down', async () => {
  expect(await busy.call('/load?seconds=120')).toBe(200);
  await inPhase(stack, 'busy', 'busy-cpu', 'pending');
  const action = await recordedAction(stack, 'busy', 'busy-cpu');
  expect(action.outcome).toBe('succeeded');
  await inPhase(stack, 'busy', 'busy-cpu', 'cooldown');
  await inPhase(stack, 'busy', 'busy-cpu', 'inactive');
  expect(Date.now() - Date.parse(action.recordedAt ?? '')).toBeGreaterThanOrEqual(8000);
  expect(await actionsOf(stack, 'busy')).toHaveLength(1);
  expect(busy.starts()).toBe(2);
}, 120_000);

test('an action by hand carries its request id through to every audit row', async () => {
  const requestId = `e2e-${randomUUID()}`;
  const starts = busy.starts();
  const answer = await stack.api<ActionView>('/actions', {
    method: 'POST',
    body: { target: 'busy', action: 'restart', reason: 'to see it happen' },
    headers: { 'x-request-id': requestId },
  });
  expect(answer.status).toBe(201);
  expect(answer.headers.get('x-request-id')).toBe(requestId);
  const { id } = answer.body;
  await waitFor(
    'the action to be recorded',
    async () => {
      const { body } = await stack.api<ActionView>(`/actions/${id}`);
      return body.outcome;
    },
    90_000,
  );
  const rows = await sealedRows(stack, id);
  expect(rows.map(({ event }) => event)).toEqual(STORY);
  expect(new Set(rows.map((row) => row.requestId))).toEqual(new Set([requestId]));
  expect(busy.starts()).toBe(starts + 1);
}, 120_000);

test('while it is paused an action by hand is refused, naming the gate', async () => {
  const starts = busy.starts();
  const paused = await stack.api('/pause', {
    method: 'POST',
    body: { scope: 'busy', reason: 'hands off' },
  });
  expect(paused.status).toBe(201);
  const body = { target: 'busy', action: 'restart' };
  const refused = await stack.api('/actions', { method: 'POST', body });
  expect(refused.status).toBe(409);
  expect(refused.headers.get('content-type')).toContain('application/problem+json');
  expect(refused.body).toMatchObject({ status: 409, gate: 'paused' });
  expect((await why(stack, 'busy')).text.join('\n')).toContain('hands off');
  const resumed = await stack.api('/resume', { method: 'POST', body: { scope: 'busy' } });
  expect(resumed.status).toBe(200);
  expect(busy.starts()).toBe(starts);
});

/** Makes it sick; returns the action that waits for a person. */
async function sickUntilAsked(): Promise<ActionView> {
  expect(await asked.call('/sick?seconds=600')).toBe(200);
  return waitFor(
    'the approval to be asked',
    async () => {
      const actions = await actionsOf(stack, 'asked', 'asked-sick');
      return actions.find(({ state }) => state === 'awaiting_approval');
    },
    60_000,
  );
}

test('an approval over the API lets the action run, and nothing happens before', async () => {
  const { id } = await sickUntilAsked();
  expect(asked.starts()).toBe(1);
  const yes = await stack.api(`/actions/${id}/approve`, {
    method: 'POST',
    body: { approver: 'ada' },
  });
  expect(yes.body).toEqual({ ok: true, state: 'approved' });
  const action = await recordedAction(stack, 'asked', 'asked-sick');
  expect(action).toMatchObject({ id, outcome: 'succeeded' });
  expect(asked.starts()).toBe(2);
  const rows = await sealedRows(stack, id);
  expect(rows.map(({ event }) => event)).toEqual([
    'requested',
    'approval_asked',
    'approval_decided',
    ...STORY.slice(1),
  ]);
  expect(rows.find(({ event }) => event === 'approval_decided')?.actor).toBe('user:ada');
}, 60_000);

test('a rejection over the API ends the action without an effect', async () => {
  const { id } = await sickUntilAsked();
  const no = await stack.api(`/actions/${id}/reject`, {
    method: 'POST',
    body: { comment: 'later' },
  });
  expect(no.body).toEqual({ ok: true, state: 'rejected' });
  const action = await recordedAction(stack, 'asked', 'asked-sick', { nth: 2 });
  expect(action).toMatchObject({ id, outcome: 'rejected' });
  expect(asked.starts()).toBe(2);
  const { body } = await stack.api<{ ok: boolean }>('/audit/verify');
  expect(body.ok).toBe(true);
}, 60_000);
