import { startControlPlane, type ControlPlane } from '../support/control-plane';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import { waitFor } from '../support/wait';
import { watched } from '../support/policies';
import { ACTION_WORKFLOW, QUERIES, type ResourceStatus } from '../../workflows/contract';

let plane: ControlPlane;
let runtime: CountingRuntime;

beforeAll(async () => {
  plane = await startControlPlane((home) => [(runtime = createCountingRuntime(home))]);
}, 60_000);
afterAll(() => plane.stop());

test('a verdict becomes an action that is verified, recorded and told as a story', async () => {
  await plane.apply(...watched('web', 'up == 0', { cooldownMs: 5000 }));
  await plane.send('web', 'up', 0);
  await waitFor('the effect', () => runtime.effects().length === 1);
  const id = await plane.healthyUntil('web', 'succeeded');
  const events = await plane.rows<{ event: string }>(
    'select event from audit_events where action_id = $1 order by id',
    id,
  );
  expect(events.map((e) => e.event)).toEqual([
    'requested',
    'admitted',
    'begun',
    'executed',
    'verified',
    'recorded',
  ]);
  const handle = plane.temporal.client.workflow.getHandle('resource/default/web');
  const phase = async (): Promise<string | undefined> => {
    const status = await handle.query<ResourceStatus>(QUERIES.status);
    return status.policies.find((p) => p.policy === 'default/web-policy')?.phase;
  };
  await waitFor('the cooldown', async () => (await phase()) === 'cooldown');
  await waitFor('its end', async () => (await phase()) === 'inactive');
  expect(runtime.effects()).toHaveLength(1);
  const slots = await plane.rows('select 1 from slots');
  expect(slots).toEqual([]);
  expect((await plane.temporal.client.workflow.getHandle(`action/${id}`).describe()).type).toBe(
    ACTION_WORKFLOW,
  );
});
