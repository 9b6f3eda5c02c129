import { servicesYaml, startScenario, type Scenario } from '../support/scenario';
import { waitFor } from '../support/wait';

let scenario: Scenario;

beforeAll(async () => {
  scenario = await startScenario();
}, 60_000);
afterAll(() => scenario.stop());

function rivalYaml(name: string, severity: string, condition: string): string {
  return `
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: ${name} }
spec:
  target: { name: shop }
  condition: ${condition}
  severity: ${severity}
  action: restart
  cooldown: 2s
  verify: { settle: 50ms, stable: 300ms, within: 20s }
`;
}

function gatesOf(policy: string): Promise<{ event: string; gate: string | null }[]> {
  return scenario.plane.rows(
    `select event, details->>'gate' as gate from audit_events
      where policy = $1 and event in ('held', 'requested', 'admitted', 'recorded') order by id`,
    `default/${policy}`,
  );
}

test('of two policies that want one target the more severe acts; the other looks again, and does nothing if that helped', async () => {
  await scenario.apply(
    `${servicesYaml(['shop'])}${rivalYaml('a-mild', 'info', 'errors > 10')}---${rivalYaml('z-grave', 'critical', 'errors > 40')}`,
  );
  let most = 0;
  const stopSampling = scenario.plane.keepSending(20, async () => {
    most = Math.max(most, (await scenario.plane.rows('select 1 from slots')).length);
  });
  scenario.onEffect((name) => {
    scenario.set(name, { errors: 0 });
  });
  scenario.set('shop', { errors: 0 });
  await waitFor(
    'verdicts',
    async () => (await scenario.plane.rows('select 1 from verdicts')).length >= 2,
  );
  scenario.set('shop', { errors: 50 });
  await scenario.plane.recorded('shop', 'succeeded');
  expect(await scenario.actionsOf('shop')).toMatchObject(
    expect.arrayContaining([
      expect.objectContaining({ policy: 'default/z-grave', outcome: 'succeeded' }),
    ]) as object,
  );
  await waitFor('both to be quiet', async () => {
    const { policies } = await scenario.why('shop');
    return policies.every(({ phase }) => phase === 'inactive');
  });
  await stopSampling();
  expect(most).toBe(1);
  expect(await scenario.effectsOn('shop')).toBe(1);
  const loser = await gatesOf('a-mild');
  expect(loser.map(({ event }) => event)).not.toContain('admitted');
}, 60_000);

test('what the more severe one did not help, the other may then try', async () => {
  const before = await scenario.effectsOn('shop');
  scenario.onEffect(async (name) => {
    const isSecond = (await scenario.effectsOn(name)) > before;
    scenario.set(name, { errors: isSecond ? 0 : 20 });
  });
  scenario.set('shop', { errors: 50 });
  await waitFor('the second effect', async () => (await scenario.effectsOn('shop')) === before + 2);
  const admitted = await scenario.plane.rows<{ policy: string }>(
    `select policy from audit_events where event = 'admitted' and resource = 'default/shop' order by id`,
  );
  expect(admitted.slice(1).map(({ policy }) => policy)).toEqual([
    'default/z-grave',
    'default/a-mild',
  ]);
}, 60_000);

const AGE_MS = 5 * 60_000;

test('old data out of a spool starts nothing, clears nothing and verifies nothing', async () => {
  await scenario.apply(`${servicesYaml(['probe'])}
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: probe-down }
spec:
  target: { name: probe }
  condition: up == 0 for 1s
  action: restart
  cooldown: 10m
  verify: { settle: 50ms, stable: 300ms, within: 3s }
`);
  const spool = async (value: number) => {
    const from = Date.now() - AGE_MS;
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        scenario.plane.send('probe', 'up', value, from + i * 5000),
      ),
    );
  };
  const verdict = async () =>
    (
      await scenario.plane.rows<{ verdict: string }>(
        `select verdict from verdicts where resource = 'default/probe'`,
      )
    )[0]?.verdict;
  await spool(0);
  scenario.set('probe', { up: 1 });
  await waitFor('fresh data', async () => (await verdict()) === 'false');
  await spool(0);
  expect(await scenario.actionsOf('probe')).toEqual([]);

  scenario.onEffect((name) => {
    scenario.set(name, { up: null });
  });
  scenario.set('probe', { up: 0 });
  await waitFor('it to be true', async () => (await verdict()) === 'true');
  await spool(1);
  await waitFor('the effect', async () => (await scenario.effectsOn('probe')) === 1);
  await spool(1);
  await scenario.plane.recorded('probe', 'inconclusive');
  const [action] = await scenario.actionsOf('probe');
  expect(action?.reason).toContain('no fresh data since');
  expect(await verdict()).toBe('true');
}, 60_000);
