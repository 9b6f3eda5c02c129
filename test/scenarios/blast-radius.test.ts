import { servicesYaml, startScenario, type Scenario } from '../support/scenario';
import { waitFor } from '../support/wait';

const SIZE = 40;
const AT_ONCE = 3;
const NAMES = Array.from({ length: SIZE }, (_, i) => `web-${String(i).padStart(2, '0')}`);
const FAILED = NAMES.slice(0, SIZE / 2);
/** These become well by themselves, which leaves as many as may be down. */
const RECOVERED = FAILED.slice(0, 4);
const HEALED = FAILED.slice(4);

let scenario: Scenario;

beforeAll(async () => {
  scenario = await startScenario();
  await scenario.apply(`${servicesYaml(NAMES)}
apiVersion: vigil.io/v1
kind: Group
metadata: { name: web }
spec:
  members: { name: 'web-*' }
  limits: { maxUnhealthy: 40%, maxConcurrent: ${AT_ONCE} }
---
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: web-down }
spec:
  target: { name: 'web-*' }
  condition: up == 0
  action: restart
  limits: { maxConcurrent: 10 }
  verify: { settle: 50ms, stable: 300ms, within: 20s }
`);
  for (const name of NAMES.slice(SIZE / 2)) scenario.set(name, { up: 1 });
  const ts = Date.now() - 1000;
  await Promise.all(FAILED.map((name) => scenario.plane.send(name, 'up', 1, ts)));
}, 60_000);
afterAll(() => scenario.stop());

/** Half of them, in one go; each a little later than the one before. */
async function failHalf(): Promise<void> {
  const from = Date.now() - FAILED.length;
  await Promise.all(FAILED.map((name, i) => scenario.plane.send(name, 'up', 0, from + i)));
  // Not before: one of these would begin another order.
  for (const name of FAILED) scenario.set(name, { up: 0 });
}

test('while half of a group is down nothing is done, and each that is held says so with figures', async () => {
  await failHalf();
  for (const name of FAILED) {
    const detail = await scenario.untilHeld(name, 'web-down', 'blast_radius');
    expect(detail).toBe(
      '20 of 40 members of group default/web are unhealthy or would be; at most 40 % = 16 may be',
    );
    expect((await scenario.why(name)).text.join('\n')).toContain(
      'held back by blast_radius: 20 of 40',
    );
  }
  expect(await scenario.plane.rows('select 1 from slots')).toEqual([]);
  expect(scenario.runtime.effects()).toEqual([]);
}, 60_000);

test('once enough of them are well by themselves the others are healed in order, so many at once and no more', async () => {
  let most = 0;
  const stopSampling = scenario.plane.keepSending(20, async () => {
    const [row] = await scenario.plane.rows<{ n: number }>('select count(*)::int as n from slots');
    most = Math.max(most, row?.n ?? 0);
  });
  for (const name of RECOVERED) scenario.set(name, { up: 1 });
  await waitFor(
    'all of them to be healed',
    async () => {
      const rows = await scenario.plane.rows(
        `select 1 from actions where policy = 'default/web-down' and outcome = 'succeeded'`,
      );
      return rows.length === HEALED.length;
    },
    60_000,
  ).finally(stopSampling);
  expect(most).toBe(AT_ONCE);
  const admitted = await scenario.plane.rows<{ resource: string }>(
    `select resource from audit_events where event = 'admitted' order by (details->>'token')::int`,
  );
  expect(admitted.map(({ resource }) => resource)).toEqual(HEALED.map((name) => `default/${name}`));
  expect(scenario.runtime.effects()).toHaveLength(HEALED.length);
  for (const name of RECOVERED) {
    expect(await scenario.actionsOf(name)).toMatchObject([
      { outcome: 'cancelled', reason: 'cleared' },
    ]);
  }
}, 90_000);
