import { DEFAULT_CONSTANTS } from '../../activities';
import type { Policy, Step } from '../../domain/policy/policy';
import { DECISION_SIGNALS } from '../../workflows/contract';
import { startControlPlane, type ControlPlane } from '../support/control-plane';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import { policy } from '../support/manifest-objects';
import { condition, watched } from '../support/policies';
import { waitFor } from '../support/wait';

let plane: ControlPlane;
let runtime: CountingRuntime;

beforeAll(async () => {
  // Two false fixes are enough here: a third would be held as flapping.
  const trust = { ...DEFAULT_CONSTANTS.trust, falseFixes: 2 };
  // One attempt of each: a second one would act while the first is looked at.
  const deps = { constants: { ...DEFAULT_CONSTANTS, trust, backoff: [3_600_000] } };
  plane = await startControlPlane((home) => [(runtime = createCountingRuntime(home))], { deps });
}, 60_000);
afterAll(() => plane.stop());
beforeEach(() => {
  runtime.restorable.clear();
  runtime.onRestore = () => Promise.resolve();
});

const RESTART: Step = { action: 'restart', params: {} };
const SCALE: Step = { action: 'scale', params: { by: 1 } };
const TELL: Step = { action: 'notify', params: { message: 'please look' } };
const QUICK = { settleMs: 100, stableMs: 200, withinMs: 3000 };

/** A resource that is down, and a policy with these steps. */
async function down(name: string, steps: Step[], changes: Partial<Policy> = {}): Promise<void> {
  await plane.apply(...watched(name, 'up == 0', { steps, verify: QUICK, ...changes }));
  await plane.send(name, 'up', 0);
}

/** Sends `up` as it is at each time until an action of the resource is recorded with that outcome. */
async function until(name: string, outcome: string, up: () => number): Promise<string> {
  const stop = plane.keepSending(100, () => plane.send(name, 'up', up()));
  try {
    return await plane.recorded(name, outcome, 30_000);
  } finally {
    await stop();
  }
}

function effectsOf(actionId: string): number {
  return runtime.effects().filter((key) => key.startsWith(actionId)).length;
}

async function actionOf(name: string): Promise<string> {
  return waitFor(`an action of ${name}`, async () => {
    const [row] = await plane.rows<{ id: string }>(
      'select action_id as id from requests where resource = $1 order by created_at desc limit 1',
      `default/${name}`,
    );
    return row?.id;
  });
}

interface AuditRow {
  event: string;
  step: number;
  details: Record<string, unknown>;
}

function auditOf(actionId: string): Promise<AuditRow[]> {
  return plane.rows<AuditRow>(
    'select event, step, details from audit_events where action_id = $1 order by id',
    actionId,
  );
}

async function audited(actionId: string, event: string, step = 0): Promise<AuditRow> {
  return waitFor(`${event} of step ${step}`, async () =>
    (await auditOf(actionId)).find((row) => row.event === event && row.step === step),
  );
}

async function endOf(actionId: string): Promise<{ reason: string; fixedBy: number | null }> {
  const [row] = await plane.rows<{ reason: string; fixedBy: number | null }>(
    `select a.outcome_reason as reason, r.fixed_by as "fixedBy"
       from actions a join action_results r using (action_id) where action_id = $1`,
    actionId,
  );
  if (row === undefined) throw new Error(`no result of ${actionId}`);
  return row;
}

test('each rung is tried when the one before it did not help, and the first that helps is the last', async () => {
  const later = { ...RESTART, afterMs: 3000 };
  await down('three', [RESTART, later, SCALE, TELL]);
  const id = await actionOf('three');
  await until('three', 'succeeded', () => (effectsOf(id) === 3 ? 1 : 0));
  expect(effectsOf(id)).toBe(3);
  const end = await endOf(id);
  expect(end.fixedBy).toBe(2);
  expect(end.reason).toMatch(/^rung 3 of 4 \(scale\): clear for/);
  const journal = await plane.rows<{ begun: number; ended: number }>(
    'select begun_at as begun, ended_at as ended from journal where action_id = $1 order by step',
    id,
  );
  // The timer counts from when the workflow heard of the end.
  expect((journal[1]?.begun ?? 0) - (journal[0]?.ended ?? Infinity)).toBeGreaterThanOrEqual(2900);
  const said = (await audited(id, 'executed', 2)).details;
  expect(said).toMatchObject({ action: 'scale', tail: ['one', 'two'] });
  expect((await auditOf(id)).map(({ event }) => event)).not.toContain('notified');
}, 60_000);

test('what cleared late is a success of the rung before, and the next one is not tried', async () => {
  await down('late', [RESTART, { ...SCALE, afterMs: 8000 }]);
  const id = await actionOf('late');
  const state = { isWell: false };
  const watching = audited(id, 'verified').then(() => (state.isWell = true));
  await until('late', 'succeeded', () => (state.isWell ? 1 : 0));
  await watching;
  expect(effectsOf(id)).toBe(1);
  expect(await endOf(id)).toMatchObject({
    fixedBy: 0,
    reason: expect.stringMatching(/^it cleared late/) as string,
  });
}, 60_000);

test('a step that did not help is undone, and the action was rolled back', async () => {
  runtime.restorable.add('scale');
  const before = runtime.value();
  await down('undone', [SCALE]);
  const id = await until('undone', 'rolled_back', () => 0);
  expect(runtime.undone().filter((key) => key.startsWith(id))).toEqual([`${id}/0/restore`]);
  expect(runtime.value()).toBe(before);
  expect((await audited(id, 'restored')).details).toMatchObject({
    action: 'scale',
    summary: 'brought the old line back',
  });
  const episodes = await plane.rows(
    `select 1 from episodes where resource = 'default/undone' and attempts > 0 and backoff_until >= recorded_at`,
  );
  expect(episodes).toHaveLength(1);
}, 60_000);

test('an undo that fails ends the ladder, and people are told', async () => {
  runtime.restorable.add('scale');
  runtime.onRestore = () => Promise.reject(new Error('no space left on device'));
  await down('broken', [SCALE, RESTART]);
  const id = await until('broken', 'failed', () => 0);
  expect(effectsOf(id)).toBe(1);
  expect((await endOf(id)).reason).toMatch(/still true, and undoing it failed: .*no space left/);
  expect((await audited(id, 'restored')).details).toHaveProperty('failed');
  const notices = await plane.rows<{ kind: string }>(
    'select kind from notices where action_id = $1',
    id,
  );
  expect(notices).toEqual([{ kind: 'inconclusive' }]);
}, 60_000);

test('a fix that makes it worse is undone at once', async () => {
  runtime.restorable.add('scale');
  const errors = policy('worse-errors', {
    target: { name: 'worse', labels: {} },
    condition: condition('errors > 5'),
    mode: 'dry-run',
  });
  await plane.apply(errors);
  await down('worse', [SCALE], { verify: { ...QUICK, withinMs: 60_000 } });
  const id = await actionOf('worse');
  await waitFor('the effect', () => effectsOf(id) === 1);
  const stop = plane.keepSending(100, () => plane.send('worse', 'errors', 9));
  await until('worse', 'rolled_back', () => 0).finally(stop);
  const { why } = (await audited(id, 'verified')).details;
  expect(why).toBe('it got worse: default/worse-errors fires since');
  expect(runtime.undone()).toContain(`${id}/0/restore`);
}, 60_000);

test('data that stops after the action leaves a doubt: nothing is undone, no other rung is tried', async () => {
  runtime.restorable.add('scale');
  await down('silent', [SCALE, RESTART], { verify: { ...QUICK, withinMs: 10_000 } });
  const id = await actionOf('silent');
  await waitFor('the effect', () => effectsOf(id) === 1);
  const stop = plane.keepSending(100, () => plane.send('silent', 'up', 0));
  await waitFor('fresh data', async () => {
    const rows = await plane.rows(
      `select 1 from verifications v, samples m join series s using (series_id)
        where v.action_id = $1 and s.owner = 'default/silent' and m.ts > v.step_ended_at + interval '300 ms'`,
      id,
    );
    return rows.length > 0;
  });
  await stop();
  await plane.recorded('silent', 'inconclusive', 30_000);
  expect((await endOf(id)).reason).toMatch(/no fresh data since/);
  expect(effectsOf(id)).toBe(1);
  expect(runtime.undone().filter((key) => key.startsWith(id))).toEqual([]);
}, 60_000);

test('spooled data of before the action that arrives while it is verified proves nothing', async () => {
  await down('spooled', [RESTART]);
  const id = await actionOf('spooled');
  await waitFor('the effect', () => effectsOf(id) === 1);
  for (const ageMs of [50_000, 40_000, 30_000, 20_000, 10_000]) {
    await plane.send('spooled', 'up', 1, Date.now() - ageMs);
  }
  await plane.recorded('spooled', 'inconclusive', 30_000);
  expect((await endOf(id)).reason).toMatch(/no fresh data since the step ended/);
}, 60_000);

test('a rung that tells people changes no outcome', async () => {
  await down('told', [RESTART, TELL]);
  const id = await until('told', 'failed', () => 0);
  const notices = await plane.rows<{ title: string; resource: string }>(
    `select title, resource from notices where action_id = $1`,
    id,
  );
  expect(notices).toEqual([{ title: 'please look', resource: 'default/told' }]);
  const events = (await auditOf(id)).filter(({ step }) => step === 1).map(({ event }) => event);
  expect(events).toEqual(['notified']);
}, 60_000);

test('a pause in the middle lets no further rung begin', async () => {
  await down('paused', [RESTART, { ...SCALE, afterMs: 6000 }]);
  const id = await actionOf('paused');
  const pausing = audited(id, 'verified').then(() =>
    plane.rows(
      `insert into pauses (scope, reason, actor) values ('default/paused', 'upgrade', 'user:ada')`,
    ),
  );
  await until('paused', 'failed', () => 0);
  await pausing;
  expect(effectsOf(id)).toBe(1);
  expect((await endOf(id)).reason).toMatch(/still true; then stopped: paused .*upgrade/);
}, 60_000);

test('a person calls it off while the next rung waits for its time', async () => {
  await down('off', [RESTART, { ...SCALE, afterMs: 600_000 }]);
  const id = await actionOf('off');
  const handle = plane.temporal.client.workflow.getHandle(`action/${id}`);
  const cancelling = audited(id, 'verified').then(() => handle.signal(DECISION_SIGNALS.cancel));
  await until('off', 'cancelled', () => 0);
  await cancelling;
  expect(effectsOf(id)).toBe(1);
  expect((await endOf(id)).reason).toMatch(/^cancelled by temporal/);
}, 60_000);

test('a dry run tells what every rung would do, and does nothing', async () => {
  await down('dry', [SCALE, { ...RESTART, afterMs: 300_000 }, TELL], {
    mode: 'dry-run',
    approval: { required: 2, deadlineMs: 900_000, onDeadline: 'expire' },
  });
  const id = await until('dry', 'skipped', () => 0);
  expect(effectsOf(id)).toBe(0);
  const { reason } = await endOf(id);
  expect(reason).toContain(
    'dry run: would ask 2 people (15m, then expire) first, then scale default/dry (by=1), now #',
  );
  expect(reason).toContain('up to 3s until it is over: up == 0, for 200ms on end');
  expect(reason).toContain('if that does not fix it: would, 5m later, restart default/dry');
  expect(reason).toContain('if that does not fix it: would tell: please look');
  const rows = await auditOf(id);
  expect(rows.filter(({ event }) => event === 'foretold')).toHaveLength(2);
  expect(rows.map(({ event }) => event)).not.toContain('executed');
  expect(rows.filter(({ details }) => details['dryRun'] !== true)).toEqual([]);
  expect(await plane.rows('select 1 from notices where action_id = $1', id)).toEqual([]);
}, 60_000);

test('a policy whose fixes do not hold asks for approval, until it is edited', async () => {
  const changes = { steps: [RESTART], cooldownMs: 300 };
  await plane.apply(...watched('weak', 'up == 0', changes));
  const ids: string[] = [];
  for (let round = 0; round < 2; round++) {
    await plane.send('weak', 'up', 0);
    await waitFor('the next action', async () => {
      const rows = await plane.rows(`select 1 from requests where resource = 'default/weak'`);
      return rows.length === round + 1;
    });
    const id = await actionOf('weak');
    await waitFor('the effect', () => effectsOf(id) === 1);
    const stop = plane.keepSending(100, () => plane.send('weak', 'up', 1));
    await waitFor('its success', async () => {
      const rows = await plane.rows(
        `select 1 from action_results where action_id = $1 and outcome = 'succeeded'`,
        id,
      );
      return rows.length > 0;
    }).finally(stop);
    ids.push(id);
  }
  const demotions = () =>
    plane.rows<{ event: string; details: { reason: string } }>(
      `select event, details from audit_events where policy = 'default/weak-policy'
        and event in ('demoted', 'promoted') order by id`,
    );
  expect(await demotions()).toEqual([]);
  await plane.send('weak', 'up', 0);
  const asked = await waitFor('the approval to be asked', async () => {
    const [row] = await plane.rows<{ id: string; plan: { reason: string } }>(
      `select action_id as id, plan from requests
        where resource = 'default/weak' and state = 'awaiting_approval'`,
    );
    return row;
  });
  expect(asked.plan.reason).toMatch(/demoted: 2 of its last 2 fixes did not hold$/);
  const falseFixes = await plane.rows<{ id: string }>(
    'select action_id as id from action_results where false_fix_at is not null order by recorded_at',
  );
  expect(falseFixes.map(({ id }) => id)).toEqual(ids);
  const [demoted] = await demotions();
  expect(demoted).toMatchObject({
    event: 'demoted',
    details: { reason: '2 of its last 2 fixes did not hold' },
  });
  const notices = `select resolved from notices where kind = 'demoted' order by id`;
  expect(await plane.rows(notices)).toEqual([{ resolved: false }]);
  expect(effectsOf(asked.id)).toBe(0);

  const [, edited] = watched('weak', 'up == 0', { ...changes, cooldownMs: 400 });
  await plane.apply(edited);
  const next = await waitFor('an action of the new revision', async () => {
    const [row] = await plane.rows<{ id: string }>(
      `select action_id as id from requests where resource = 'default/weak' and state <> 'open' and action_id <> all($1)`,
      [...ids, asked.id],
    );
    return row?.id;
  });
  await waitFor('its effect', () => effectsOf(next) === 1);
  expect((await demotions()).map(({ event }) => event)).toEqual(['demoted', 'promoted']);
  expect(await plane.rows(notices)).toEqual([{ resolved: false }, { resolved: true }]);
}, 60_000);
