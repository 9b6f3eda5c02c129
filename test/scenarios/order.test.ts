import { servicesYaml, startScenario, type Scenario } from '../support/scenario';
import { waitFor } from '../support/wait';

let scenario: Scenario;

beforeAll(async () => {
  scenario = await startScenario();
}, 60_000);
afterAll(() => scenario.stop());

const QUICK = 'verify: { settle: 50ms, stable: 300ms, within: 20s }';

function downPolicy(name: string, target: string, more = ''): string {
  return `---
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: ${name} }
spec:
  target: { name: '${target}' }
  condition: up == 0
  action: restart
  ${QUICK}
  ${more}
`;
}

/** A database, and who needs it; none of them was ever heard of. */
async function pair(suffix: string): Promise<{ db: string; web: string }> {
  const [db, web] = [`db-${suffix}`, `web-${suffix}`];
  await scenario.apply(
    `${servicesYaml([db])}${servicesYaml([web], { more: `dependsOn: [${db}]` })}${downPolicy(`${db}-down`, db)}${downPolicy(`${web}-down`, web)}`.replace(
      /---\s*---/g,
      '---',
    ),
  );
  return { db, web };
}

async function orderOf(...names: string[]): Promise<{ resource: string; event: string }[]> {
  return scenario.plane.rows(
    `select split_part(resource, '/', 2) as resource, event from audit_events
      where event in ('admitted', 'recorded') and resource = any($1) order by id`,
    names.map((name) => `default/${name}`),
  );
}

test('when both are down at a cold start the database is healed first, and only then who needs it', async () => {
  scenario.onEffect((name) => {
    scenario.set(name, { up: 1 });
  });
  const { db, web } = await pair('cold');
  // Who needs it is heard of first: nobody knows yet that the database is well.
  scenario.set(web, { up: 0 });
  expect(await scenario.untilHeld(web, `${web}-down`, 'dependency_down')).toContain(
    `default/${db}, which it needs, is not known to be well: `,
  );
  scenario.set(db, { up: 0 });
  await scenario.plane.recorded(db, 'succeeded');
  await scenario.plane.recorded(web, 'succeeded');
  expect(await orderOf(db, web)).toEqual([
    { resource: db, event: 'admitted' },
    { resource: db, event: 'recorded' },
    { resource: web, event: 'admitted' },
    { resource: web, event: 'recorded' },
  ]);
}, 60_000);

test('who becomes well by itself once the database is healed is not touched', async () => {
  const { db, web } = await pair('follow');
  scenario.onEffect(() => {
    scenario.set(db, { up: 1 });
    scenario.set(web, { up: 1 });
  });
  scenario.set(web, { up: 0 });
  scenario.set(db, { up: 0 });
  await Promise.all([scenario.plane.send(web, 'up', 0), scenario.plane.send(db, 'up', 0)]);
  await scenario.plane.recorded(db, 'succeeded');
  await waitFor('the other to be quiet', async () => {
    const open = await scenario.plane.rows(
      `select 1 from requests where resource = $1 and state <> 'closed'`,
      `default/${web}`,
    );
    return open.length === 0 && (await scenario.phaseOf(web, `${web}-down`)) === 'inactive';
  });
  expect(await scenario.effectsOn(db)).toBe(1);
  expect(await scenario.effectsOn(web)).toBe(0);
  expect((await orderOf(web)).filter(({ event }) => event === 'admitted')).toEqual([]);
}, 60_000);

test('when maintenance ends what it held is judged anew: what became well meanwhile is not touched', async () => {
  scenario.onEffect((name) => {
    scenario.set(name, { up: 1 });
  });
  const ends = Date.now() + 12_000;
  const time = (ts: number) => new Date(ts).toISOString();
  await scenario.apply(`${servicesYaml(['rack-1', 'rack-2'])}
apiVersion: vigil.io/v1
kind: MaintenanceWindow
metadata: { name: move }
spec:
  target: { name: 'rack-*' }
  reason: the rack moves
  fixed: [{ from: ${time(ends - 60_000)}, to: ${time(ends)} }]
${downPolicy('rack-down', 'rack-*', 'limits: { maxConcurrent: 2 }')}`);
  for (const name of ['rack-1', 'rack-2']) scenario.set(name, { up: 0 });
  for (const name of ['rack-1', 'rack-2']) {
    expect(await scenario.untilHeld(name, 'rack-down', 'maintenance')).toBe(
      'maintenance default/move: the rack moves',
    );
  }
  scenario.set('rack-1', { up: 1 });
  await scenario.plane.recorded('rack-2', 'succeeded');
  const [admitted] = await scenario.plane.rows<{ at: number }>(
    `select extract(epoch from at)::float8 * 1000 as at from audit_events
      where event = 'admitted' and resource = 'default/rack-2'`,
  );
  expect(admitted?.at).toBeGreaterThanOrEqual(ends);
  expect(await scenario.actionsOf('rack-1')).toEqual([]);
  expect(await scenario.effectsOn('rack-1')).toBe(0);
  expect(await scenario.phaseOf('rack-1', 'rack-down')).toBe('inactive');
}, 60_000);
