import { resourceWorkflowId } from '../../workflows/contract';
import { servicesYaml, startScenario, type Scenario } from '../support/scenario';
import { waitFor } from '../support/wait';

let scenario: Scenario;

beforeAll(async () => {
  scenario = await startScenario();
}, 60_000);
afterAll(() => scenario.stop());

function policyYaml(name: string, more: string): string {
  return `${servicesYaml([name])}
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: ${name}-down }
spec:
  target: { name: ${name} }
  condition: up == 0
  ${more}
`;
}

async function post(path: string, payload: object): Promise<void> {
  const answer = await scenario.api.app.inject({ method: 'POST', url: `/api/v1/${path}`, payload });
  expect(answer.statusCode).toBeLessThan(300);
}

async function isRunning(name: string): Promise<boolean> {
  const handle = scenario.plane.temporal.client.workflow.getHandle(
    resourceWorkflowId(`default/${name}`),
  );
  return handle.describe().then(
    ({ status }) => status.name === 'RUNNING',
    () => false,
  );
}

async function tokensOf(name: string): Promise<number> {
  return (await scenario.plane.rows('select 1 from slots where target = $1', `default/${name}`))
    .length;
}

test('a pause in the middle: verify ends, no further rung begins, nothing new starts; a resume goes on', async () => {
  scenario.onEffect(() => undefined);
  await scenario.apply(
    policyYaml(
      'ladder',
      `steps:
    - { action: restart }
    - { action: restart, after: 5s }
  verify: { settle: 50ms, stable: 300ms, within: 3s }`,
    ),
  );
  await scenario.apply(
    policyYaml(
      'other',
      `action: restart
  verify: { settle: 50ms, stable: 300ms, within: 20s }`,
    ),
  );
  scenario.set('ladder', { up: 0 });
  scenario.set('other', { up: 1 });
  await waitFor('the first effect', async () => (await scenario.effectsOn('ladder')) === 1);
  await post('pause', { scope: '*', reason: 'the network team is at work' });

  const id = await scenario.plane.recorded('ladder', 'failed');
  const [action] = await scenario.actionsOf('ladder');
  expect(action?.reason).toMatch(/still true; then stopped: paused \(\*\): the network team/);
  const verified = await scenario.plane.rows(
    `select 1 from audit_events where action_id = $1 and event = 'verified'`,
    id,
  );
  expect(verified).toHaveLength(1);
  scenario.set('other', { up: 0 });
  expect(await scenario.untilHeld('other', 'other-down', 'paused')).toContain('the network team');
  expect(await scenario.untilHeld('ladder', 'ladder-down', 'paused')).toContain('the network team');
  expect(await scenario.effectsOn('ladder')).toBe(1);
  expect(await scenario.effectsOn('other')).toBe(0);
  expect(await tokensOf('ladder')).toBe(0);

  scenario.onEffect((name) => {
    scenario.set(name, { up: 1 });
  });
  await post('resume', { scope: '*' });
  await Promise.all([
    scenario.plane.recorded('ladder', 'succeeded'),
    scenario.plane.recorded('other', 'succeeded'),
  ]);
  expect(await scenario.effectsOn('ladder')).toBe(2);
  expect(await scenario.effectsOn('other')).toBe(1);
}, 90_000);

const QUICK = `action: restart
  cooldown: 500ms
  verify: { settle: 50ms, stable: 300ms, within: 10s }`;

test('a manifest that disappears before the effect: the action is cancelled and nothing is done', async () => {
  await scenario.apply(policyYaml('early', QUICK));
  const { inspect } = scenario.runtime;
  scenario.runtime.inspect = async (...given) => {
    await scenario.plane.remove('Service', 'early');
    scenario.runtime.inspect = inspect;
    return inspect(...given);
  };
  scenario.set('early', { up: 0 });
  await scenario.plane.recorded('early', 'cancelled');
  const [action] = await scenario.actionsOf('early');
  expect(action?.reason).toBe('the manifest of the resource is gone');
  await retired('early', 0);
}, 60_000);

test('one that disappears after the effect: it is verified, then retired, and later samples do not revive it', async () => {
  await scenario.apply(policyYaml('gone', QUICK));
  scenario.onEffect(async (name) => {
    scenario.set(name, { up: 1 });
    await scenario.plane.remove('Service', name);
  });
  scenario.set('gone', { up: 0 });
  await scenario.plane.recorded('gone', 'succeeded');
  expect(await scenario.events('gone')).toContain('verified');
  scenario.set('gone', { up: 0 });
  await retired('gone', 1);
}, 60_000);

/** Its run is over, and although samples go on to say that it is down, nothing is asked for again. */
async function retired(name: string, effects: number): Promise<void> {
  await waitFor(`the run of ${name} to end`, async () => !(await isRunning(name)));
  const asked = await scenario.actionsOf(name);
  expect(asked).toHaveLength(1);
  const [{ newest } = { newest: 0 }] = await newestSample(name);
  await waitFor('samples of later', async () => {
    const [row] = await newestSample(name);
    return (row?.newest ?? 0) > newest + 2000;
  });
  expect(await isRunning(name)).toBe(false);
  expect(await scenario.actionsOf(name)).toHaveLength(1);
  expect(await scenario.effectsOn(name)).toBe(effects);
  expect(await tokensOf(name)).toBe(0);
}

function newestSample(name: string): Promise<{ newest: number }[]> {
  return scenario.plane.rows(
    `select extract(epoch from max(m.ts))::float8 * 1000 as newest
       from samples m join series s using (series_id) where s.owner = $1`,
    `default/${name}`,
  );
}
