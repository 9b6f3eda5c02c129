import { servicesYaml, startScenario, type Scenario } from '../support/scenario';
import { waitFor } from '../support/wait';

const NAMES = ['app-1', 'app-2', 'app-3', 'app-4', 'app-5', 'app-6'];

let scenario: Scenario;

beforeAll(async () => {
  scenario = await startScenario();
  await scenario.apply(`${servicesYaml(NAMES)}
apiVersion: vigil.io/v1
kind: Group
metadata: { name: app }
spec:
  members: { name: 'app-*' }
  limits: { maxConcurrent: 2 }
  storm: { members: 50%, within: 10s }
---
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: app-down }
spec:
  target: { name: 'app-*' }
  condition: up == 0
  action: restart
  limits: { maxConcurrent: 6 }
  verify: { settle: 50ms, stable: 300ms, within: 20s }
`);
  for (const name of NAMES) scenario.set(name, { up: 1 });
}, 60_000);
afterAll(() => scenario.stop());

async function stormEvents(): Promise<{ event: string; details: { group: string } }[]> {
  return scenario.plane.rows(
    `select event, details from audit_events where event in ('storm_opened', 'storm_closed') order by id`,
  );
}

test('what fails together is left alone and told once; when the storm has passed all are healed without anybody’s help', async () => {
  const failedAt = Date.now();
  for (const name of NAMES) scenario.set(name, { up: 0 });
  await Promise.all(NAMES.map((name) => scenario.plane.send(name, 'up', 0)));
  for (const name of NAMES) {
    const detail = await scenario.untilHeld(name, 'app-down', 'storm');
    expect(detail).toBe('storm in group default/app: 6 of 6 members began to fail within 10 s');
  }
  expect(scenario.runtime.effects()).toEqual([]);
  expect(await stormEvents()).toMatchObject([
    { event: 'storm_opened', details: { group: 'default/app' } },
  ]);
  expect(await scenario.noticesOf('storm_open')).toMatchObject([{ resolved: false }]);

  await waitFor('the first effect', () => scenario.runtime.effects().length > 0);
  expect(Date.now() - failedAt).toBeGreaterThanOrEqual(10_000);
  await Promise.all(NAMES.map((name) => scenario.plane.recorded(name, 'succeeded', 40_000)));
  expect(scenario.runtime.effects()).toHaveLength(NAMES.length);
  expect((await stormEvents()).map(({ event }) => event)).toEqual(['storm_opened', 'storm_closed']);
  expect((await scenario.noticesOf('storm_open')).map(({ resolved }) => resolved)).toEqual([
    false,
    true,
  ]);
}, 90_000);
