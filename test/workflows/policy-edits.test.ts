import { QUERIES, type ResourceStatus } from '../../workflows/contract';
import { createTestApi, type TestApi } from '../support/api';
import { startControlPlane, type ControlPlane } from '../support/control-plane';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import { service } from '../support/manifest-objects';
import { waitFor } from '../support/wait';

let plane: ControlPlane;
let runtime: CountingRuntime;
let api: TestApi;

beforeAll(async () => {
  plane = await startControlPlane((home) => [(runtime = createCountingRuntime(home))]);
  api = await createTestApi({ pool: plane.database.pool });
  const sync = { mode: 'detect', cooldownMs: 1000 } as const;
  await plane.apply(service('web', { sync }), service('db', { sync }));
}, 60_000);
afterAll(async () => {
  await api.close();
  await plane.stop();
});

async function put(name: string, condition: string): Promise<void> {
  const verify = { settle: '100ms', stable: '200ms', within: '20s' };
  const answer = await api.app.inject({
    method: 'PUT',
    url: `/api/v1/policies/default/${name}-down`,
    payload: { target: { name }, condition, action: 'restart', verify },
  });
  expect(answer.statusCode).toBeLessThan(300);
}

/** What the workflow of a resource says of its policies. */
async function phasesOf(name: string): Promise<Record<string, string>> {
  const handle = plane.temporal.client.workflow.getHandle(`resource/default/${name}`);
  const status = await handle.query<ResourceStatus>(QUERIES.status).catch(() => null);
  return Object.fromEntries((status?.policies ?? []).map((p) => [p.policy, p.phase]));
}

const isPending = (name: string) =>
  waitFor('the wait', async () => (await phasesOf(name))[`default/${name}-down`] === 'pending');

test('a running workflow acts by the condition that REST gives its policy', async () => {
  await put('web', 'up == 0 for 1h');
  await plane.send('web', 'up', 0);
  await isPending('web');
  await put('web', 'up == 0');
  await waitFor('the effect', () => runtime.effects().length === 1);
  await plane.healthyUntil('web', 'succeeded');
});

test('a running workflow forgets a policy that is disabled, and takes it up again', async () => {
  await put('db', 'up == 0 for 1h');
  await plane.send('db', 'up', 0);
  await isPending('db');
  const turn = (verb: string) =>
    api.app.inject({ method: 'POST', url: `/api/v1/policies/default/db-down/${verb}` });
  expect((await turn('disable')).statusCode).toBe(200);
  await waitFor('it to be forgotten', async () => !('default/db-down' in (await phasesOf('db'))));
  expect((await turn('enable')).statusCode).toBe(200);
  await isPending('db');
});
