import { servicesYaml, startScenario, type Scenario } from '../support/scenario';
import { waitFor } from '../support/wait';

let scenario: Scenario;

beforeAll(async () => {
  scenario = await startScenario();
}, 60_000);
afterAll(() => scenario.stop());

function policyYaml(name: string, condition: string, more = ''): string {
  return `
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: ${name}-down }
spec:
  target: { name: ${name} }
  condition: ${condition}
  action: restart
  verify: { settle: 50ms, stable: 300ms, within: 10s }
  ${more}
`;
}

async function pendingUntil(name: string): Promise<number> {
  return waitFor(`${name} to be pending`, async () => {
    const { policies } = await scenario.why(name);
    const found = policies.find(({ policy }) => policy === `default/${name}-down`);
    return found?.phase === 'pending' && found.until !== null && Date.parse(found.until);
  });
}

async function outcomeOf(id: string): Promise<string | null> {
  const rows = await scenario.plane.rows<{ reason: string }>(
    `select outcome || ': ' || outcome_reason as reason from actions where action_id = $1 and outcome is not null`,
    id,
  );
  return rows[0]?.reason ?? null;
}

test('other limits leave the phase and its wait as they are', async () => {
  await scenario.apply(`${servicesYaml(['calm'])}${policyYaml('calm', 'up == 0 for 1h')}`);
  scenario.set('calm', { up: 0 });
  const due = await pendingUntil('calm');
  await scenario.apply(policyYaml('calm', 'up == 0 for 1h', 'limits: { perHour: 2, attempts: 1 }'));
  await waitFor('the new limits', async () => {
    const { policies } = await scenario.why('calm');
    return policies[0]?.maxAttempts === 1;
  });
  expect(await pendingUntil('calm')).toBe(due);
  expect(await scenario.actionsOf('calm')).toEqual([]);
}, 60_000);

test('another condition starts the wait anew, by its own verdict', async () => {
  await scenario.apply(`${servicesYaml(['moved'])}${policyYaml('moved', 'up == 0 for 1h')}`);
  scenario.set('moved', { up: 0, errors: 0 });
  await pendingUntil('moved');
  await scenario.apply(policyYaml('moved', 'errors > 5 for 1h'));
  await waitFor(
    'it to be inactive',
    async () => (await scenario.phaseOf('moved', 'moved-down')) === 'inactive',
  );
  scenario.set('moved', { errors: 9 });
  const from = Date.now();
  expect(await pendingUntil('moved')).toBeGreaterThan(from + 3_590_000);
  await scenario.apply(policyYaml('moved', 'errors > 5 for 300ms'));
  scenario.onEffect((name) => {
    scenario.set(name, { errors: 0 });
  });
  await scenario.plane.recorded('moved', 'succeeded');
  expect(await scenario.effectsOn('moved')).toBe(1);
}, 60_000);

test('an edit voids an approval that is open; people are asked anew, for what is in force', async () => {
  const asks = (more = '') => `approval: { required: 1, deadline: 10m }${more}`;
  await scenario.apply(`${servicesYaml(['asked'])}${policyYaml('asked', 'up == 0', asks())}`);
  scenario.set('asked', { up: 0 });
  const waiting = (not: string) =>
    waitFor('people to be asked', async () => {
      const found = (await scenario.actionsOf('asked')).find(
        ({ state, id }) => state === 'awaiting_approval' && id !== not,
      );
      return found?.id;
    });
  const first = await waiting('');
  await scenario.apply(policyYaml('asked', 'up == 0', asks('\n  limits: { attempts: 2 }')));
  const second = await waiting(first);
  expect(await outcomeOf(first)).toBe('cancelled: policy_changed');
  await scenario.apply(policyYaml('asked', 'up < 1', asks('\n  limits: { attempts: 2 }')));
  const third = await waiting(second);
  expect(third).not.toBe(first);
  expect(await outcomeOf(second)).toBe('cancelled: policy_changed');
  expect(await scenario.effectsOn('asked')).toBe(0);
}, 60_000);
