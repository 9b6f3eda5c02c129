import { servicesYaml, startScenario, type Scenario } from '../support/scenario';
import { waitFor } from '../support/wait';

let scenario: Scenario;

beforeAll(async () => {
  scenario = await startScenario();
}, 60_000);
afterAll(() => scenario.stop());
beforeEach(() => {
  scenario.runtime.restorable.clear();
});

function policyYaml(name: string, verify: string): string {
  return `
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: ${name}-errors }
spec:
  target: { name: ${name} }
  condition: errors > 10
  severity:
    - { severity: critical, condition: errors > 50 }
    - { severity: warning }
  action: restart
  limits: { attempts: 1 }
  verify: ${verify}
`;
}

/** Far more time than the test has: what ends before did not wait for it. */
const PATIENT = '{ settle: 100ms, stable: 500ms, within: 10m }';

test('a fix after which it is more severe has failed at once, and is rolled back', async () => {
  scenario.runtime.restorable.add('restart');
  await scenario.apply(`${servicesYaml(['grave'])}${policyYaml('grave', PATIENT)}`);
  scenario.onEffect((name) => {
    scenario.set(name, { errors: 90 });
  });
  scenario.runtime.onRestore = () => {
    scenario.set('grave', { errors: 20 });
    return Promise.resolve();
  };
  scenario.set('grave', { errors: 20 });
  const id = await scenario.plane.recorded('grave', 'rolled_back', 40_000);
  expect(scenario.runtime.undone()).toEqual([`${id}/0/restore`]);
  const [action] = await scenario.actionsOf('grave');
  expect(action?.reason).toContain('critical now, warning before');
  expect(action?.reason).toContain('undone: brought the old line back');
  await scenario.untilHeld('grave', 'grave-errors', 'attempts_exhausted');
  expect(await scenario.effectsOn('grave')).toBe(1);
  expect(await scenario.noticesOf('attempts_exhausted')).toMatchObject([{ resolved: false }]);
}, 60_000);

test('a fix that breaks something else has failed at once; where nothing can be undone it stays failed', async () => {
  await scenario.apply(`${servicesYaml(['sick'])}${policyYaml('sick', PATIENT)}---
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: sick-slow }
spec:
  target: { name: sick }
  condition: latency > 2
  severity: critical
  action: notify
`);
  scenario.onEffect((name) => {
    scenario.set(name, { latency: 7 });
  });
  scenario.set('sick', { errors: 20, latency: 1 });
  await scenario.plane.recorded('sick', 'failed', 40_000);
  const action = (await scenario.actionsOf('sick')).find(
    (one) => one.policy === 'default/sick-errors',
  );
  expect(action?.reason).toBe('it got worse: default/sick-slow fires since');
  expect(scenario.runtime.undone()).toHaveLength(1);
}, 60_000);

test('data that stops after the action leaves a doubt, which is told and never rolled back', async () => {
  scenario.runtime.restorable.add('restart');
  await scenario.apply(
    `${servicesYaml(['mute'])}${policyYaml('mute', '{ settle: 100ms, stable: 500ms, within: 3s }')}`,
  );
  scenario.onEffect((name) => {
    scenario.set(name, { errors: null });
  });
  scenario.set('mute', { errors: 20 });
  const id = await scenario.plane.recorded('mute', 'inconclusive');
  const [action] = await scenario.actionsOf('mute');
  expect(action?.reason).toContain('no fresh data since');
  expect(scenario.runtime.undone().filter((key) => key.startsWith(id))).toEqual([]);
  expect(await scenario.events('mute')).not.toContain('restored');
  const notices = await waitFor('the notice', async () => {
    const found = await scenario.noticesOf('inconclusive');
    return found.length > 0 && found;
  });
  expect(notices).toMatchObject([{ resolved: false }]);
  expect(await scenario.effectsOn('mute')).toBe(1);
}, 60_000);
