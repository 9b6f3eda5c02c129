import { actionWorkflowId } from '../../workflows/contract';
import { askedOn, decide, hasBegun, signed } from '../support/decisions';
import { servicesYaml, startScenario, type Scenario } from '../support/scenario';
import { waitFor } from '../support/wait';

let scenario: Scenario;

beforeAll(async () => {
  scenario = await startScenario();
  scenario.onEffect(() => undefined);
}, 60_000);
afterAll(() => scenario.stop());

/** Services that are down, and a policy that asks before it restarts them. */
async function asking(names: string[], policy: string, deadline: string): Promise<string[]> {
  await scenario.apply(`${servicesYaml(names)}
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: ${policy} }
spec:
  target: { name: '${policy}-*' }
  condition: up == 0
  action: restart
  cooldown: 10m
  approval: { required: 1, deadline: ${deadline}, onDeadline: expire }
  verify: { settle: 50ms, stable: 300ms, within: 20s }
`);
  for (const name of names) scenario.set(name, { up: 0 });
  return Promise.all(
    names.map((name) =>
      waitFor(`${name} to be asked for`, async () => {
        const id = await askedOn(scenario.plane, `default/${name}`);
        return id !== null && (await hasBegun(scenario.plane, id)) && id;
      }),
    ),
  );
}

test('a yes that comes after the deadline changes nothing', async () => {
  const [id = ''] = await asking(['late-1'], 'late', '1500ms');
  await scenario.plane.recorded('late-1', 'expired');
  await expect(
    decide(scenario.plane, id, signed(id, 'approve', { approver: 'user:ada' })),
  ).rejects.toThrow();
  const plain = scenario.plane.temporal.client.workflow.getHandle(actionWorkflowId(id));
  // Temporal may still take the signal, while the run is on its way out.
  await plain.signal('approve').catch(() => undefined);
  await plain.result();
  const overApi = await scenario.api.app.inject({
    method: 'POST',
    url: `/api/v1/actions/${id}/approve`,
    payload: { approver: 'ada' },
  });
  expect(overApi.statusCode).toBe(409);
  expect(await scenario.actionsOf('late-1')).toMatchObject([
    { id, outcome: 'expired', reason: 'nobody decided in time' },
  ]);
  expect(await scenario.events('late-1')).not.toContain('admitted');
  expect(await scenario.effectsOn('late-1')).toBe(0);
  // It is not asked again at once either.
  await waitFor(
    'the cooldown',
    async () => (await scenario.phaseOf('late-1', 'late')) === 'cooldown',
  );
}, 60_000);

test('a yes in time expires all the same when no slot is free until the deadline', async () => {
  const [first = '', second = ''] = await asking(['full-1', 'full-2'], 'full', '10s');
  const yes = (id: string) =>
    decide(scenario.plane, id, signed(id, 'approve', { approver: 'user:ada' }));
  expect(await yes(first)).toEqual({ kind: 'accepted', state: 'approved' });
  await waitFor('the first effect', async () => (await scenario.effectsOn('full-1')) === 1);
  expect(await yes(second)).toEqual({ kind: 'accepted', state: 'approved' });
  await scenario.plane.recorded('full-2', 'expired');
  expect(await scenario.actionsOf('full-2')).toMatchObject([
    { id: second, reason: 'approved, but held by max_concurrent until the deadline' },
  ]);
  scenario.set('full-1', { up: 1 });
  await scenario.plane.recorded('full-1', 'succeeded');
  expect(
    await scenario.plane.rows(
      `select 1 from slots union all select 1 from requests where state <> 'closed'`,
    ),
  ).toEqual([]);
  expect(await scenario.effectsOn('full-2')).toBe(0);
  expect(await scenario.events('full-2')).not.toContain('admitted');
}, 60_000);
