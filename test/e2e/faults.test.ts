import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { actionWorkflowId } from '../../workflows/contract';
import { createStack, type Answer, type ChildName, type Stack } from '../support/stack';
import {
  actionsOf,
  inPhase,
  recordedAction,
  sealedRows,
  type ActionView,
} from '../support/stack-story';
import { waitFor } from '../support/wait';
import { addWebService, restartPolicy, type WebService } from '../support/web-service';

/** A start that finds its data takes at most this long. */
const RESTART_MS = 10_000;
const TRIES = 3;
const COOLDOWN_MS = 30_000;

let stack: Stack;
let pending: WebService;
let flagged: WebService;
let cooling: WebService;
let web: WebService;

beforeAll(async () => {
  stack = await createStack();
  const [a = 0, b = 0, c = 0, d = 0] = stack.ports.services;
  pending = addWebService(stack, {
    name: 'pending',
    port: a,
    policies: [
      restartPolicy('pending-sick', 'pending', {
        condition: '(http_up == 0 and process_up == 1) for 20s',
      }),
    ],
  });
  flagged = addWebService(stack, {
    name: 'flagged',
    port: b,
    policies: [restartPolicy('flagged-flag', 'flagged', { condition: 'flag == 1' })],
  });
  cooling = addWebService(stack, {
    name: 'cooling',
    port: c,
    policies: [
      restartPolicy('cooling-down', 'cooling', {
        condition: 'process_up == 0',
        cooldown: `${COOLDOWN_MS}ms`,
      }),
    ],
  });
  web = addWebService(stack, {
    name: 'web',
    port: d,
    policies: [restartPolicy('web-down', 'web', { condition: 'process_up == 0' })],
  });
  await stack.start();
  for (const service of [pending, flagged, cooling, web]) {
    await waitFor(`${service.name} to be started`, service.pid, 30_000);
  }
}, 180_000);

afterAll(async () => {
  try {
    await stack.stop();
  } finally {
    await stack.remove();
  }
}, 90_000);

/** SIGKILL, and until the supervisor says that it runs again. */
async function crash(name: ChildName): Promise<void> {
  const after = stack.terminal().length;
  const before = stack.pidOf(name);
  stack.kill(name);
  await stack.said(new RegExp(`^${name} ended unexpectedly \\(SIGKILL\\); starting it again in`), {
    after,
  });
  await stack.said(new RegExp(`^${name} runs again$`), { after, timeoutMs: 60_000 });
  expect(stack.pidOf(name)).not.toBe(before);
}

async function killProcess(service: WebService): Promise<void> {
  const pid = await waitFor(`${service.name} to answer`, service.pid);
  process.kill(pid, 'SIGKILL');
}

async function ingest(value: number): Promise<Answer<unknown>> {
  return stack.api('/ingest', {
    method: 'POST',
    body: { name: 'flag', value, tags: { resource: 'flagged' } },
  });
}

/** As an outside sender does: until it is stopped, whatever the answers are. */
function keepIngesting(value: () => number): () => Promise<void> {
  const ended = new AbortController();
  async function send(): Promise<void> {
    while (!ended.signal.aborted) {
      await ingest(value()).catch(() => undefined);
      await pause(200, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  }
  const sending = send();
  return async () => {
    ended.abort();
    await sending;
  };
}

test('a worker killed while the policy is pending is started again, and the action happens once', async () => {
  expect(await pending.call('/sick?seconds=600')).toBe(200);
  await inPhase(stack, 'pending', 'pending-sick', 'pending');
  await crash('worker');
  expect(pending.starts()).toBe(1);
  const action = await recordedAction(stack, 'pending', 'pending-sick', { timeoutMs: 90_000 });
  expect(action.outcome).toBe('succeeded');
  expect(await actionsOf(stack, 'pending')).toHaveLength(1);
  expect(pending.starts()).toBe(2);
}, 180_000);

test('an api killed right after a sample that fires has lost nothing: the action happens, once', async () => {
  expect((await ingest(0)).status).toBe(201);
  expect((await ingest(1)).status).toBe(201);
  await crash('api');
  const stop = keepIngesting(() => (flagged.starts() === 1 ? 1 : 0));
  const action = await recordedAction(stack, 'flagged', 'flagged-flag');
  await stop();
  expect(action.outcome).toBe('succeeded');
  expect(await actionsOf(stack, 'flagged')).toHaveLength(1);
  expect(flagged.starts()).toBe(2);
}, 90_000);

test('Temporal killed in the middle of a cooldown: it holds, it ends, and then there is one more action', async () => {
  await killProcess(cooling);
  const first = await recordedAction(stack, 'cooling', 'cooling-down');
  expect(first.outcome).toBe('succeeded');
  const cooled = Date.parse(first.recordedAt ?? '') + COOLDOWN_MS;
  await crash('temporal');
  await inPhase(stack, 'cooling', 'cooling-down', 'cooldown');
  await killProcess(cooling);
  expect(Date.now()).toBeLessThan(cooled);
  const second = await recordedAction(stack, 'cooling', 'cooling-down', {
    ...{ nth: 2, timeoutMs: 90_000 },
  });
  expect(second.outcome).toBe('succeeded');
  expect(cooling.starts()).toBe(3);
  const rows = await sealedRows(stack, second.id);
  const begun = rows.find(({ event }) => event === 'begun');
  expect(Date.parse(begun?.at ?? '')).toBeGreaterThanOrEqual(cooled);
  await inPhase(stack, 'cooling', 'cooling-down', 'cooldown');
}, 240_000);

test('while PostgreSQL is away ingest says when to come back, and afterwards Vigil heals as before', async () => {
  const after = stack.terminal().length;
  stack.kill('postgres');
  const refused = await waitFor('ingest to be refused', async () => {
    const answer = await ingest(0);
    return answer.status !== 201 && answer;
  });
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  await stack.said(/^postgres runs again$/, { after });
  await waitFor('ingest to be taken', async () => (await ingest(0)).status === 201, 30_000);
  await killProcess(web);
  const action = await recordedAction(stack, 'web', 'web-down');
  expect(action.outcome).toBe('succeeded');
  expect(web.starts()).toBe(2);
}, 120_000);

interface Manifest {
  name: string;
  revision: number;
}

async function manifests(): Promise<Manifest[]> {
  const { body } = await stack.api<{ items: Manifest[] }>('/manifests?limit=100');
  return body.items.map(({ name, revision }) => ({ name, revision }));
}

test('a broken manifest is shown at its line and column, and the last good revision stays', async () => {
  const before = await manifests();
  const after = stack.terminal().length;
  const broken = restartPolicy('broken', 'web', { condition: 'process_up === 0' });
  stack.write('broken.yaml', broken);
  const line = broken.split('\n').findIndex((text) => text.includes('condition:')) + 1;
  const said = await stack.said(/broken\.yaml:\d+:\d+/, { after });
  expect(said).toMatch(new RegExp(`broken\\.yaml:${line}:\\d+: \\S`));
  expect(await manifests()).toEqual(before);
  rmSync(join(stack.home, 'manifests/broken.yaml'));
  stack.write('good.yaml', restartPolicy('good', 'web', { condition: 'resource_drift > 99' }));
  await waitFor('the next revision', async () =>
    (await manifests()).some(({ name }) => name === 'good'),
  );
});

test('a second one of the same home is refused with one clear line', async () => {
  const { code, output } = await stack.startSecond();
  expect(code).toBe(1);
  expect(output).toHaveLength(1);
  expect(output[0]).toContain(`Vigil already runs in ${stack.home}`);
  expect(output[0]).toContain('VIGIL_HOME');
  expect((await stack.api('/actions')).status).toBe(200);
}, 60_000);

test('Ctrl-C leaves nothing running, and the next start keeps its data and is quick', async () => {
  const before = await everything();
  const tookMs: number[] = [];
  // A machine that is busy with something else at that moment gets another try.
  while (tookMs.length < TRIES && Math.min(...tookMs) > RESTART_MS) {
    await stack.stop('SIGINT');
    expect(await web.pid()).toBeNull();
    const startedAt = performance.now();
    await stack.start();
    tookMs.push(performance.now() - startedAt);
  }
  expect(Math.min(...tookMs)).toBeLessThanOrEqual(RESTART_MS);
  const after = await everything();
  expect(after.actions.map(({ id }) => id)).toEqual(before.actions.map(({ id }) => id));
  expect(after.audit.ok).toBe(true);
  expect(after.audit.rows).toBeGreaterThanOrEqual(before.audit.rows);
  const connection = await Connection.connect({ address: `127.0.0.1:${stack.ports.temporal}` });
  const [action] = after.actions;
  const handle = new Client({ connection }).workflow.getHandle(actionWorkflowId(action?.id ?? ''));
  expect((await handle.describe()).status.name).toBe('COMPLETED');
  await connection.close();
  await waitFor('the service to be started again', web.pid, 30_000);
}, 120_000);

async function everything(): Promise<{
  actions: ActionView[];
  audit: { ok: boolean; rows: number };
}> {
  const actions = await stack.api<{ items: ActionView[] }>('/actions?limit=100');
  const audit = await stack.api<{ ok: boolean; rows: number }>('/audit/verify');
  return { actions: actions.body.items, audit: audit.body };
}
