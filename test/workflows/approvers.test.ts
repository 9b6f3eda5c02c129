import { admit } from '../../storage/admission';
import { actionWorkflowId, type DecisionAnswer } from '../../workflows/contract';
import { startControlPlane, type ControlPlane } from '../support/control-plane';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import { ASKS, askedAction, decide, signed, type Approval } from '../support/decisions';
import { waitFor } from '../support/wait';
import { writeDefinition } from '../support/definitions';

let plane: ControlPlane;
let runtime: CountingRuntime;

beforeAll(async () => {
  plane = await startControlPlane((home) => [(runtime = createCountingRuntime(home))], {
    deps: { publicUrl: 'https://vigil.example/' },
  });
  await list('operators', ['ada', 'bob']);
  await list('managers', ['carol']);
}, 60_000);
afterAll(() => plane.stop());

async function list(name: string, members: string[]): Promise<void> {
  const definition = { key: `default/${name}`, namespace: 'default', name, members };
  await writeDefinition(plane.database.pool, 'Approvers', definition);
}

function asked(name: string, approval: Partial<Approval> = {}, author = 'vigil'): Promise<string> {
  return askedAction(plane, name, { approval: { ...ASKS, ...approval }, author });
}

type Word = 'approve' | 'reject' | 'withdraw' | 'cancel';

async function say(id: string, who: string, word: Word): Promise<DecisionAnswer> {
  return decide(plane, id, signed(id, word, { approver: `user:${who}` }));
}

function effectsOf(id: string): number {
  return runtime.effects().filter((key) => key.startsWith(id)).length;
}

async function stateOf(id: string): Promise<{ request: string; action: string }> {
  const [row] = await plane.rows<{ request: string; action: string }>(
    `select r.state as request, a.state as action from requests r join actions a using (action_id)
      where action_id = $1`,
    id,
  );
  if (row === undefined) throw new Error('no such request');
  return row;
}

interface NoticeRow {
  key: string;
  resolved: boolean;
  text: string;
}

async function noticesOf(id: string): Promise<NoticeRow[]> {
  return plane.rows<NoticeRow>(
    `select key, resolved, text from notices where action_id = $1 and kind = 'approval_wanted' order by id`,
    id,
  );
}

/** Holds the slot back until the answer is called. */
async function pauseOn(name: string): Promise<() => Promise<unknown>> {
  await plane.rows(
    `insert into pauses (scope, reason, actor) values ($1, 'work', 'me')`,
    `default/${name}`,
  );
  return () => plane.rows('delete from pauses where scope = $1', `default/${name}`);
}

async function queued(id: string): Promise<void> {
  await waitFor('the queue', async () => (await stateOf(id)).request === 'open');
}

describe('roles', () => {
  test('only a member of a list decides; the refusal is told and written down', async () => {
    const id = await asked('roles', { of: ['operators'] });
    const refused = {
      kind: 'refused',
      reason: expect.stringContaining('eve is not among') as unknown,
    };
    expect(await say(id, 'eve', 'approve')).toEqual(refused);
    expect(await say(id, 'eve', 'reject')).toEqual(refused);
    expect(effectsOf(id)).toBe(0);
    const rows = await plane.rows(
      `select actor, door, details->>'decision' as decision from audit_events
        where action_id = $1 and details->>'refused' like 'eve is not among%' order by id`,
      id,
    );
    expect(rows).toEqual([
      { actor: 'user:eve', door: 'api', decision: 'approve' },
      { actor: 'user:eve', door: 'api', decision: 'reject' },
    ]);
    expect(await say(id, 'bob', 'approve')).toMatchObject({ state: 'approved' });
    await plane.healthyUntil('roles', 'succeeded');
  });

  test('a plain signal never satisfies a role, though unsigned signals are accepted here', async () => {
    const id = await asked('plain-role', { of: ['operators'] });
    const handle = plane.temporal.client.workflow.getHandle(actionWorkflowId(id));
    await handle.signal('approve');
    await waitFor('the refusal', async () => {
      const rows = await plane.rows(
        `select 1 from audit_events where action_id = $1 and actor = 'temporal'
           and details->>'refused' like 'a plain signal does not say%'`,
        id,
      );
      return rows.length === 1;
    });
    expect(await stateOf(id)).toEqual({
      request: 'awaiting_approval',
      action: 'awaiting_approval',
    });
    expect(await say(id, 'ada', 'approve')).toMatchObject({ state: 'approved' });
    await plane.healthyUntil('plain-role', 'succeeded');
  });

  test('a yes of somebody who left the list since does not count', async () => {
    await list('changing', ['ada', 'bob', 'dan']);
    const id = await asked('left', { of: ['changing'], required: 2 });
    await say(id, 'ada', 'approve');
    await list('changing', ['bob', 'dan']);
    expect(await say(id, 'bob', 'approve')).toMatchObject({ state: 'waiting' });
    expect(await say(id, 'dan', 'approve')).toMatchObject({ state: 'approved' });
    await plane.healthyUntil('left', 'succeeded');
  });

  test('two people who say yes at the same moment are two', async () => {
    const id = await asked('moment', { of: ['operators'], required: 2 });
    const answers = await Promise.all([say(id, 'ada', 'approve'), say(id, 'bob', 'approve')]);
    expect(answers.map((one) => one.kind === 'accepted' && one.state).sort()).toEqual([
      'approved',
      'waiting',
    ]);
    await plane.healthyUntil('moment', 'succeeded');
  });
});

describe('four eyes', () => {
  test('the author of the policy may say no, but not yes', async () => {
    const id = await asked('author', {}, 'user:ada');
    expect(await say(id, 'ada', 'approve')).toEqual({
      kind: 'refused',
      reason: 'four eyes: ada wrote the policy and may not say yes to it',
    });
    expect(await say(id, 'ada', 'reject')).toMatchObject({ state: 'rejected' });
    await plane.recorded('author', 'rejected');
  });

  test('a yes that the author sends in the name of another is refused, and says who sent it', async () => {
    const id = await asked('hands', {}, 'user:ada');
    const given = { approver: 'user:bob', sentBy: 'user:ada' };
    expect(await decide(plane, id, signed(id, 'approve', given))).toEqual({
      kind: 'refused',
      reason: 'four eyes: it came through ada, who wrote the policy',
    });
    const [row] = await plane.rows(
      `select actor, details->>'sentBy' as by from audit_events
        where action_id = $1 and event = 'approval_decided'`,
      id,
    );
    expect(row).toEqual({ actor: 'user:bob', by: 'user:ada' });
    await say(id, 'bob', 'reject');
    await plane.recorded('hands', 'rejected');
  });

  test('a plain yes cannot be told from the author', async () => {
    const id = await asked('unseen', {}, 'user:ada');
    await plane.temporal.client.workflow.getHandle(actionWorkflowId(id)).signal('approve');
    expect(await say(id, 'bob', 'approve')).toMatchObject({ state: 'approved' });
    await plane.healthyUntil('unseen', 'succeeded');
    const votes = await plane.rows('select approver from approvals where action_id = $1', id);
    expect(votes).toEqual([{ approver: 'user:bob' }]);
  });

  test('a list that can never suffice is told where it is asked', async () => {
    const id = await asked('short', { of: ['operators'], required: 2 }, 'user:ada');
    const words = 'only bob may (ada wrote the policy)';
    const [row] = await plane.rows<{ shortfall: string }>(
      `select details->>'shortfall' as shortfall from audit_events
        where action_id = $1 and event = 'approval_asked'`,
      id,
    );
    expect(row?.shortfall).toContain(words);
    const [notice] = await noticesOf(id);
    expect(notice?.text).toContain(words);
    await say(id, 'bob', 'cancel');
    await plane.recorded('short', 'cancelled');
  });
});

describe('escalation', () => {
  const approval = {
    of: ['operators'],
    escalateTo: ['managers'],
    onDeadline: 'escalate' as const,
    deadlineMs: 5000,
  };

  async function escalated(id: string): Promise<void> {
    await waitFor('the escalation', async () => {
      const rows = await plane.rows(
        `select 1 from audit_events where action_id = $1 and event = 'approval_escalated'`,
        id,
      );
      return rows.length === 1;
    });
  }

  test('at the deadline a second list may decide as well, and is told', async () => {
    const id = await asked('escalates', approval);
    expect(await say(id, 'carol', 'approve')).toMatchObject({ kind: 'refused' });
    const [before] = await plane.rows<{ deadline: number }>(
      'select approval_deadline as deadline from actions where action_id = $1',
      id,
    );
    await escalated(id);
    expect((await noticesOf(id)).map(({ key }) => key)).toEqual([
      `approval/${id}`,
      `approval/${id}/escalated`,
    ]);
    const [after] = await plane.rows<{ deadline: number }>(
      'select approval_deadline as deadline from actions where action_id = $1',
      id,
    );
    expect((after?.deadline ?? 0) - (before?.deadline ?? 0)).toBeGreaterThanOrEqual(5000);
    expect(await say(id, 'carol', 'approve')).toMatchObject({ state: 'approved' });
    await plane.healthyUntil('escalates', 'succeeded');
    const open = (await noticesOf(id)).filter(({ resolved }) => resolved).map(({ key }) => key);
    expect(open).toEqual([`approval/${id}`, `approval/${id}/escalated`]);
  });

  test('the first list still may after it', async () => {
    const id = await asked('first-still', approval);
    await escalated(id);
    expect(await say(id, 'ada', 'approve')).toMatchObject({ state: 'approved' });
    await plane.healthyUntil('first-still', 'succeeded');
  });

  test('the deadline runs anew once, then it expires, and later it is too late', async () => {
    const id = await asked('twice', { ...approval, deadlineMs: 1000 });
    await escalated(id);
    await plane.recorded('twice', 'expired');
    expect(effectsOf(id)).toBe(0);
    await expect(say(id, 'carol', 'approve')).rejects.toThrow();
    const rows = await plane.rows(
      `select details->>'decision' as decision from audit_events
        where action_id = $1 and details->>'deadline' = 'true'`,
      id,
    );
    expect(rows).toEqual([{ decision: 'expire' }]);
  });
});

describe('taking a yes back', () => {
  test('while people are still asked it counts no more', async () => {
    const id = await asked('back', { required: 2 });
    await say(id, 'ada', 'approve');
    expect(await say(id, 'ada', 'withdraw')).toEqual({ kind: 'accepted', state: 'waiting' });
    expect(await say(id, 'bob', 'approve')).toMatchObject({ state: 'waiting' });
    expect(await say(id, 'ada', 'withdraw')).toEqual({
      kind: 'refused',
      reason: 'user:ada has not said yes',
    });
    expect(await say(id, 'ada', 'approve')).toMatchObject({ state: 'approved' });
    await plane.healthyUntil('back', 'succeeded');
    const rows = await plane.rows(
      `select details->>'decision' as decision from audit_events
        where action_id = $1 and event = 'approval_decided' and actor = 'user:ada' order by id`,
      id,
    );
    expect(rows.map((row) => (row as { decision: string }).decision)).toEqual([
      'approve',
      'withdraw',
      'withdraw',
      'approve',
    ]);
  });

  test('in the queue it leaves the queue, people are asked again, and a new yes lets it run', async () => {
    const id = await asked('queue');
    const resume = await pauseOn('queue');
    await say(id, 'ada', 'approve');
    await queued(id);
    expect(await say(id, 'ada', 'withdraw')).toEqual({ kind: 'accepted', state: 'waiting' });
    expect(await stateOf(id)).toEqual({
      request: 'awaiting_approval',
      action: 'awaiting_approval',
    });
    expect((await noticesOf(id)).map(({ resolved }) => resolved)).toEqual([false, true, false]);
    await resume();
    expect(effectsOf(id)).toBe(0);
    expect(await say(id, 'bob', 'approve')).toMatchObject({ state: 'approved' });
    await plane.healthyUntil('queue', 'succeeded');
    expect(effectsOf(id)).toBe(1);
  });

  test('in the queue, with yes enough left, it stays there and gets its slot', async () => {
    const id = await asked('enough');
    const resume = await pauseOn('enough');
    await say(id, 'ada', 'approve');
    await queued(id);
    // As a second yes leaves it that was on its way when the first one decided.
    await plane.rows(
      `insert into approvals (action_id, approver, decision, door, signed)
       values ($1, 'user:bob', 'approve', 'api', true)`,
      id,
    );
    expect(await say(id, 'ada', 'withdraw')).toEqual({ kind: 'accepted', state: 'approved' });
    expect(await stateOf(id)).toEqual({ request: 'open', action: 'queued' });
    await resume();
    await admit(plane.database.pool);
    await plane.healthyUntil('enough', 'succeeded');
  });

  test('after the slot was granted it is refused', async () => {
    const id = await asked('granted');
    await say(id, 'ada', 'approve');
    await waitFor('the slot', async () => (await stateOf(id)).request === 'granted');
    expect(await say(id, 'ada', 'withdraw')).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('it has its slot') as unknown,
    });
    await plane.healthyUntil('granted', 'succeeded');
  });

  test('nobody takes back the yes of somebody else', async () => {
    const id = await asked('theirs', { required: 2 });
    await say(id, 'ada', 'approve');
    expect(await say(id, 'bob', 'withdraw')).toMatchObject({ kind: 'refused' });
    await say(id, 'bob', 'reject');
    await plane.recorded('theirs', 'rejected');
  });
});

test('however decisions meet, what is told, stored and done agree, and the effect happens once', async () => {
  const id = await asked('crowd', { required: 2 });
  const resume = await pauseOn('crowd');
  const people = ['ada', 'bob', 'carol'];
  for (let round = 0; round < 4; round += 1) {
    await Promise.allSettled(
      people.flatMap((who) => [say(id, who, 'approve'), say(id, who, 'withdraw')]),
    );
  }
  await waitFor('the queue to agree with the votes', async () => {
    const yes = await plane.rows(
      `select 1 from approvals where action_id = $1 and decision = 'approve'`,
      id,
    );
    const { request } = await stateOf(id);
    return request === (yes.length >= 2 ? 'open' : 'awaiting_approval');
  });
  // A yes that is refused because it is approved already is as good.
  for (const who of people) await Promise.allSettled([say(id, who, 'approve')]);
  await queued(id);
  await resume();
  await admit(plane.database.pool);
  await plane.healthyUntil('crowd', 'succeeded');
  expect(effectsOf(id)).toBe(1);
}, 40_000);

describe('links', () => {
  const link = { nonce: 'n-1', madeBy: 'vigil' };

  test('the notice carries one for each person who may say yes', async () => {
    const id = await asked('links', { of: ['operators'] }, 'user:ada');
    const [notice] = await noticesOf(id);
    expect(notice?.text).toMatch(
      /^bob: https:\/\/vigil\.example\/api\/v1\/approve\?token=[\w.-]+$/m,
    );
    expect(notice?.text).not.toMatch(/^ada: /m);
    await say(id, 'bob', 'reject');
    await plane.recorded('links', 'rejected');
  });

  test('a link decides once: the same sending again is the same use, another one is refused', async () => {
    const id = await asked('once', { required: 2 });
    const give = (sending: string) => {
      const decision = signed(id, 'approve', { approver: 'user:ada', link, sending });
      return decide(plane, id, decision);
    };
    expect(await give('s-1')).toEqual({ kind: 'accepted', state: 'waiting' });
    expect(await give('s-1')).toEqual({ kind: 'accepted', state: 'waiting' });
    expect(await give('s-2')).toEqual({ kind: 'refused', reason: 'the link was used before' });
    const [row] = await plane.rows(
      `select door, details->>'linkMadeBy' as by from audit_events
        where action_id = $1 and event = 'approval_decided' order by id limit 1`,
      id,
    );
    expect(row).toEqual({ door: 'link', by: 'vigil' });
    await say(id, 'bob', 'reject');
    await plane.recorded('once', 'rejected');
  });

  test('a link cannot be put onto a signature that was made without it', async () => {
    const id = await asked('grafted');
    const plain = signed(id, 'approve', { approver: 'user:ada' });
    expect(await decide(plane, id, { ...plain, link })).toEqual({
      kind: 'refused',
      reason: 'the signature is not right',
    });
    await say(id, 'bob', 'reject');
    await plane.recorded('grafted', 'rejected');
  });
});

test('the condition clearing while a person thinks ends it and settles what people were told', async () => {
  const id = await asked('thinks', { of: ['operators'] });
  await plane.send('thinks', 'up', 1);
  await plane.recorded('thinks', 'cancelled');
  const notices = await noticesOf(id);
  expect(notices.map(({ resolved }) => resolved)).toEqual([false, true]);
  expect(notices[1]?.text).toBe('cancelled: cleared');
  await expect(say(id, 'ada', 'approve')).rejects.toThrow();
});
