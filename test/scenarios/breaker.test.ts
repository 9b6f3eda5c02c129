import { servicesYaml, startScenario, type Scenario } from '../support/scenario';
import { waitFor } from '../support/wait';

const NAMES = Array.from({ length: 9 }, (_, i) => `node-${i + 1}`);
/** One more may have been under way. */
const FAILURES = [5, 6];

let scenario: Scenario;

beforeAll(async () => {
  scenario = await startScenario();
  await scenario.apply(`${servicesYaml(NAMES)}
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: node-down }
spec:
  target: { name: 'node-*' }
  condition: up == 0
  action: restart
  limits: { attempts: 1, maxConcurrent: 2 }
  verify: { settle: 50ms, stable: 300ms, within: 3s }
`);
}, 60_000);
afterAll(() => scenario.stop());

function acted(outcome: string): Promise<{ name: string }[]> {
  return scenario.plane.rows(
    `select split_part(resource, '/', 2) as name from actions where outcome = $1 order by requested_at`,
    outcome,
  );
}

test('five failures over several targets open the breaker; after a while one at a time is tried, and three successes close it', async () => {
  scenario.onEffect(() => undefined);
  for (const name of NAMES) scenario.set(name, { up: 0 });
  await waitFor(
    'the breaker to open',
    async () => (await scenario.noticesOf('breaker_open')).length > 0,
    50_000,
  );
  await waitFor(
    'what was under way to end',
    async () => (await scenario.plane.rows('select 1 from slots')).length === 0,
  );
  const failed = (await acted('failed')).map(({ name }) => name);
  expect(FAILURES).toContain(failed.length);
  expect(new Set(failed).size).toBe(failed.length);
  const rest = NAMES.filter((name) => !failed.includes(name));
  for (const name of rest) {
    expect(await scenario.untilHeld(name, 'node-down', 'breaker_open')).toMatch(
      /^the last [56] actions of the policy failed/,
    );
    expect(await scenario.effectsOn(name)).toBe(0);
  }

  scenario.onEffect((name) => {
    scenario.set(name, { up: 1 });
  });
  let most = 0;
  const stopSampling = scenario.plane.keepSending(20, async () => {
    // In one statement: the record that closes it gives the slot back as well.
    const [row] = await scenario.plane.rows<{ n: number }>(
      `select (select count(*)::int from slots) as n
        where not exists (select 1 from notices where kind = 'breaker_open' and resolved)`,
    );
    most = Math.max(most, row?.n ?? 0);
  });
  // A minute passes.
  await scenario.plane.rows(`update breakers set opened_at = opened_at - interval '1 minute'`);
  await waitFor(
    'the breaker to close',
    async () => (await scenario.noticesOf('breaker_open')).some(({ resolved }) => resolved),
    40_000,
  ).finally(stopSampling);
  expect(most).toBe(1);
  for (const name of rest) await scenario.plane.recorded(name, 'succeeded');
  expect(scenario.runtime.effects()).toHaveLength(NAMES.length);
  expect((await scenario.noticesOf('breaker_open')).map(({ resolved }) => resolved)).toEqual([
    false,
    true,
  ]);
}, 120_000);
