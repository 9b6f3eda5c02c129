import { startControlPlane, type ControlPlane } from '../support/control-plane';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import { policy, service } from '../support/manifest-objects';
import { waitFor } from '../support/wait';
import type { Condition } from '../../domain/policy/ast';
import { parseCondition } from '../../language/expression/parser';
import { ACTION_WORKFLOW, QUERIES, type ResourceStatus } from '../../workflows/contract';

let plane: ControlPlane;
let runtime: CountingRuntime;

beforeAll(async () => {
  plane = await startControlPlane((home) => [(runtime = createCountingRuntime(home))]);
}, 60_000);
afterAll(() => plane.stop());

function condition(text: string): Condition {
  const parsed = parseCondition(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.condition;
}

const FAST = { settleMs: 100, stableMs: 200, withinMs: 3000 };

async function healthy(name: string, seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    await plane.send(name, 'up', 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('a verdict becomes an action that is verified, recorded and told as a story', async () => {
  await plane.apply(
    service('web', { sync: { mode: 'detect', cooldownMs: 1000 } }),
    policy('web-down', {
      target: { name: 'web', labels: {} },
      condition: condition('up == 0'),
      cooldownMs: 1500,
      verify: FAST,
    }),
  );
  await plane.send('web', 'up', 0);
  await waitFor('the effect', () => runtime.effects().length === 1);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await healthy('web', 1.5);
  const id = await plane.recorded('web', 'succeeded');
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
  const status = await handle.query<ResourceStatus>(QUERIES.status);
  expect(status.policies.find((p) => p.policy === 'default/web-down')?.phase).toBe('cooldown');
  await waitFor('inactive', async () => {
    const now = await handle.query<ResourceStatus>(QUERIES.status);
    return now.policies.find((p) => p.policy === 'default/web-down')?.phase === 'inactive';
  });
  expect(runtime.effects()).toHaveLength(1);
  const slots = await plane.rows('select 1 from slots');
  expect(slots).toEqual([]);
  expect((await plane.temporal.client.workflow.getHandle(`action/${id}`).describe()).type).toBe(
    ACTION_WORKFLOW,
  );
});
