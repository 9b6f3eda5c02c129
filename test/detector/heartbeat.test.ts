import { degradedBy } from '../../detector/heartbeat';
import type { Pair } from '../../detector/pairs';
import type { ActionPlan } from '../../domain/action/action';
import { policy, service, serviceSpec } from '../support/manifest-objects';
import { waitFor } from '../support/wait';
import { condition, createHarness, type Harness } from './harness';

const NOW = 1_000_000;

const PLAN: ActionPlan = {
  actionId: '00000000-0000-4000-8000-000000000001',
  resource: 'default/web',
  namespace: 'default',
  spec: serviceSpec(),
  policy: null,
  policyRevision: 1,
  severity: 'warning',
  steps: [],
  verify: { settleMs: 0, stableMs: 0, withinMs: 1000 },
  approval: null,
  dryRun: false,
  requestedBy: 'user:anna',
  reason: '',
  correlationId: null,
};

function world(options: { managed: number; turned: number; ago?: number; isManaged?: boolean }) {
  const { managed, turned, ago = 1000, isManaged = true } = options;
  const spec = isManaged ? serviceSpec() : null;
  const pairs = Array.from({ length: turned }, (_, i) => ({
    resource: { key: `default/web-${i}`, spec },
    unknownAt: NOW - ago,
  })) as Pair[];
  return { pairs: () => pairs, managedCount: () => managed };
}

test.each([
  ['five of sixteen turned unknown', world({ managed: 16, turned: 5 }), true],
  ['five of seventeen are less than 30 %', world({ managed: 17, turned: 5 }), false],
  ['four are too few, even if they are all', world({ managed: 4, turned: 4 }), false],
  ['a minute ago it was', world({ managed: 5, turned: 5, ago: 60_001 }), false],
  [
    'those without a manifest do not count',
    world({ managed: 5, turned: 5, isManaged: false }),
    false,
  ],
])('degraded by a storm: %s', (_, watch, isDegraded) => {
  expect(degradedBy(0, watch, NOW) !== null).toBe(isDegraded);
});

test('degraded by messages that wait for more than 30 s', () => {
  const calm = world({ managed: 5, turned: 0 });
  expect(degradedBy(30, calm, NOW)).toBeNull();
  expect(degradedBy(31, calm, NOW)).toContain('30 s');
});

describe('on a database', () => {
  let h: Harness;
  beforeEach(async () => {
    h = await createHarness();
  });
  afterEach(() => h.close());

  const reason = async () => {
    const [row] = await h.rows<{ degraded_reason: string | null }>(
      'select degraded_reason from control_plane',
    );
    return row?.degraded_reason;
  };

  test('a message that waits too long degrades the control plane until it is gone', async () => {
    await h.start({ temporal: h.nowhere });
    await h.rows(
      `insert into outbox (workflow_id, kind, payload, starts, priority, created_at, next_attempt_at)
       values ('resource/default/web', 'gateLifted', '{}', true, 1, now() - interval '40 s', now() + interval '1 h')`,
    );
    await waitFor('it is degraded', async () => (await reason())?.includes('30 s'));
    await h.rows('delete from outbox');
    await waitFor('it is trusted again', async () => (await reason()) === null);
  });

  test('resources that turn unknown together degrade the control plane', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    await h.apply([
      ...names.map((name) => service(name, { sync: { mode: 'detect', cooldownMs: 0 } })),
      policy('failing', { condition: condition('share > 80%') }),
    ]);
    await h.start({ temporal: h.nowhere });
    const send = (value: number) =>
      h.ingest(names.map((resource) => ({ resource, name: 'share', value })));
    await send(0.1);
    await h.verdictIs('default/e', 'false');
    await send(70);
    await waitFor('it is degraded', async () => (await reason())?.includes('30 %'));
  });

  test('a request that waits for the control plane is admitted once it is trusted', async () => {
    await h.rows(
      `insert into control_plane (api_started_at, degraded_reason) values (now(), 'left over')`,
    );
    await h.rows(
      `insert into requests (action_id, resource, generation, episode, attempt, target, severity,
         since, policy_revision, plan, state, waiter)
       values ('${PLAN.actionId}', 'default/web', 1, 1, 1, 'default/web', 'warning',
         now(), 1, $1, 'open', 'resource/default/web')`,
      [JSON.stringify(PLAN)],
    );
    await h.start({ temporal: h.nowhere });
    await waitFor('it has a slot', async () => (await h.rows('select 1 from slots')).length === 1);
  });
});
