import { servicesYaml, startScenario, type Scenario } from '../support/scenario';
import { waitFor } from '../support/wait';

const DOWN = ['job-1', 'job-2', 'job-3'];
const WELL = ['job-4', 'job-5'];

let scenario: Scenario;

beforeAll(async () => {
  scenario = await startScenario();
  await scenario.apply(`${servicesYaml([...DOWN, ...WELL])}
apiVersion: vigil.io/v1
kind: Group
metadata: { name: jobs }
spec:
  members: { name: 'job-*' }
  limits: { maxUnhealthy: 40% }
---
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: job-down }
spec:
  target: { name: 'job-*' }
  condition: up == 0
  action: restart
  verify: { settle: 50ms, stable: 300ms, within: 20s }
`);
  for (const name of DOWN) scenario.set(name, { up: 0 });
  for (const name of WELL) scenario.set(name, { up: 1 });
  await Promise.all(DOWN.map((name) => scenario.plane.send(name, 'up', 0)));
  for (const name of DOWN) await scenario.untilHeld(name, 'job-down', 'blast_radius');
}, 60_000);
afterAll(() => scenario.stop());

interface Answer {
  id: string;
  state: string;
}

async function restart(target: string, more: object = {}): Promise<Answer> {
  const answer = await scenario.api.app.inject({
    method: 'POST',
    url: '/api/v1/actions',
    payload: { target, action: 'restart', ...more },
  });
  expect(answer.statusCode).toBe(201);
  return answer.json<Answer>();
}

async function stateOf(
  id: string,
): Promise<{ state: string; gate: string | null; detail: string }> {
  const [row] = await scenario.plane.rows<{ state: string; gate: string; detail: string }>(
    `select state, held_gate as gate, held_detail as detail from requests where action_id = $1`,
    id,
  );
  if (row === undefined) throw new Error(`no request ${id}`);
  return row;
}

test('an action by hand waits while too many of the group are down; one that is forced does not', async () => {
  const { id } = await restart('job-4', { reason: 'a new certificate' });
  await waitFor('its first look', async () => (await stateOf(id)).gate);
  expect(await stateOf(id)).toEqual({
    state: 'open',
    gate: 'blast_radius',
    detail:
      '4 of 5 members of group default/jobs are unhealthy or would be; at most 40 % = 2 may be',
  });
  expect((await scenario.why('job-4')).text.join('\n')).toContain('blast_radius');

  const forced = await restart('job-5', { force: true, reason: 'it must be now' });
  await waitFor('the forced effect', async () => (await scenario.effectsOn('job-5')) === 1);
  expect((await stateOf(forced.id)).state).toBe('granted');
  expect(await scenario.effectsOn('job-4')).toBe(0);
  expect((await stateOf(id)).state).toBe('open');
}, 60_000);

test('whoever was forced counts as down: the others wait for what room that leaves, the worst first', async () => {
  for (const name of DOWN.slice(0, 2)) scenario.set(name, { up: 1 });
  await scenario.plane.recorded('job-3', 'succeeded');
  await waitFor('the effect by hand', async () => (await scenario.effectsOn('job-4')) === 1);
  const order = await scenario.plane.rows<{ resource: string; event: string }>(
    `select resource, event from audit_events where event in ('admitted', 'recorded')
      and resource in ('default/job-3', 'default/job-4') order by id`,
  );
  expect(order).toEqual([
    { resource: 'default/job-3', event: 'admitted' },
    { resource: 'default/job-3', event: 'recorded' },
    { resource: 'default/job-4', event: 'admitted' },
  ]);
  for (const name of DOWN.slice(0, 2)) expect(await scenario.effectsOn(name)).toBe(0);
}, 60_000);
