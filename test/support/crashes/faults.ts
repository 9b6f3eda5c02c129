import { startHousekeeping } from '../../../workers/control';
import { actionWorkflowId, HOUSEKEEPING_ID } from '../../../workflows/contract';
import { waitFor } from '../wait';
import { resetFromOutside, rowOf, type Cell } from './lane';
import type { Point } from './worker';
import type { Kind } from './world';

/** How a cell may end: the outcome that is recorded, and the effects in the world. */
export interface Ending {
  outcome: string;
  effects: number;
}

/** What is done to an action from outside while it is at work; one row of the table. */
export interface Fault {
  key: string;
  row: string;
  /** The effect waits in its middle until it is let go. */
  waits?: true;
  ends: Record<Kind, readonly Ending[]>;
  inject: (cell: Cell) => Promise<void>;
}

const UNDER_WAY_MS = 60_000;

function alike(outcome: string, effects: number): Fault['ends'] {
  const ends = [{ outcome, effects }];
  return { inspectable: ends, opaque: ends, idempotent: ends };
}

const ONCE: Ending = { outcome: 'succeeded', effects: 1 };

/** Of an opaque effect nobody can tell whether it happened; one that may be repeated is. */
function unclear(effects: 0 | 1): Fault['ends'] {
  return {
    inspectable: [ONCE],
    opaque: [{ outcome: 'inconclusive', effects }],
    idempotent: [{ outcome: 'succeeded', effects: effects + 1 }],
  };
}

/** The first try hears, once it goes on, that it was given up: before or after its effect is told. */
function overlapping(): Fault['ends'] {
  const { inspectable, opaque, idempotent } = unclear(1);
  return { inspectable, opaque: [ONCE, ...opaque], idempotent: [ONCE, ...idempotent] };
}

function killedAt(point: Point): Fault['inject'] {
  return async ({ lane, resource, fire }) => {
    lane.worker().holdAt(resource, point);
    await fire();
    await lane.worker().isHeld(resource);
    await lane.crash();
  };
}

async function untilUnderWay({ subject, resource }: Cell): Promise<void> {
  await waitFor(`the effect on ${resource}`, () => subject.isUnderWay(), UNDER_WAY_MS);
}

/** SIGKILL of the worker at each point of the step that has the effect. */
export const KILLS: readonly Fault[] = [
  {
    key: 'locked',
    row: 'killed before the journal knows of it',
    ends: alike('succeeded', 1),
    inject: killedAt('locked'),
  },
  {
    key: 'begun',
    row: 'killed between the journal and the effect',
    ends: unclear(0),
    inject: killedAt('begun'),
  },
  {
    key: 'during',
    row: 'killed during the effect',
    waits: true,
    ends: unclear(1),
    async inject(cell) {
      await cell.fire();
      await untilUnderWay(cell);
      await cell.lane.crash(() => {
        cell.subject.letGo();
      });
    },
  },
  {
    key: 'effect',
    row: 'killed between the effect and the journal',
    ends: unclear(1),
    inject: killedAt('effect'),
  },
  {
    key: 'ended',
    row: 'killed before it tells (completion dropped)',
    ends: alike('succeeded', 1),
    inject: killedAt('ended'),
  },
];

/**
 * Four actions go on at once: on a busy machine one may be silent for too long, and an effect that
 * may be repeated is, until it is known to be done.
 */
function orAgain({ idempotent, ...ends }: Fault['ends']): Fault['ends'] {
  const again = idempotent.map(({ outcome, effects }) => ({ outcome, effects: effects + 1 }));
  return { ...ends, idempotent: [...idempotent, ...again] };
}

/** One SIGKILL that meets four actions, each in another step than that with the effect. */
export const OTHER_STEPS: readonly (Fault & { point: Point })[] = (
  [
    ['inspected', 'killed while it inspects'],
    ['confirmed', 'killed before it tells that the slot is confirmed'],
    ['verifying', 'killed while it verifies'],
    ['recorded', 'killed before it tells that the outcome is recorded'],
  ] as const
).map(([point, row]) => ({
  ...{ key: point, point, row, ends: orAgain(alike('succeeded', 1)) },
  inject: () => Promise.resolve(),
}));

/** Everything else that can be done to an action from outside. */
export const OTHERS: readonly Fault[] = [
  {
    key: 'overlap',
    row: 'suspended during the effect: a second try overlaps',
    waits: true,
    ends: overlapping(),
    async inject(cell) {
      const { lane, subject } = cell;
      const id = await cell.fire();
      await untilUnderWay(cell);
      const first = lane.worker();
      first.suspend();
      subject.letGo();
      await lane.addWorker();
      const handle = lane.plane.temporal.client.workflow.getHandle(actionWorkflowId(id));
      await waitFor(
        'the second try to begin',
        async () => {
          const { raw } = await handle.describe();
          const pending = raw.pendingActivities ?? [];
          return pending.some(({ attempt, lastHeartbeatTime, state }) => {
            return (
              (attempt ?? 0) > 1 && Number(state) === STARTED && lastHeartbeatTime !== undefined
            );
          });
        },
        60_000,
      );
      first.resume();
      await waitFor(
        'the effect to be told',
        async () => (await rowOf(lane.plane, cell.resource))?.state !== 'executing',
        60_000,
      );
      await first.retire();
    },
  },
  {
    key: 'terminated',
    row: 'workflow terminated after the effect',
    ends: alike('inconclusive', 1),
    async inject({ lane, resource, fire }) {
      const { client } = lane.plane.temporal;
      lane.worker().holdAt(resource, 'effect');
      const id = await fire();
      await lane.worker().isHeld(resource);
      await client.workflow.getHandle(actionWorkflowId(id)).terminate('a test');
      lane.worker().release(resource);
      await startHousekeeping(client, 500);
      await waitFor('the reaper', async () => (await rowOf(lane.plane, resource))?.outcome, 60_000);
      await client.workflow.getHandle(HOUSEKEEPING_ID).terminate('a test');
    },
  },
  {
    key: 'reset',
    row: 'workflow reset to before the step, after its effect',
    ends: alike('succeeded', 1),
    async inject({ lane, resource, fire }) {
      const id = await fire();
      const isVerifying = async (): Promise<boolean> =>
        (await rowOf(lane.plane, resource))?.state === 'verifying';
      await waitFor('the effect to be told', isVerifying, 30_000);
      await resetFromOutside(lane.plane, id);
    },
  },
  {
    key: 'unslotted',
    row: 'slot lost before the step is confirmed',
    ends: alike('cancelled', 0),
    async inject({ lane, resource, fire, calm }) {
      lane.worker().holdAt(resource, 'inspected');
      const id = await fire();
      await lane.worker().isHeld(resource);
      await lane.plane.rows('delete from slots where action_id = $1', id);
      // Nothing was done, so that the next action would follow at once.
      await calm();
      lane.worker().release(resource);
      // That the condition cleared would end it too, a look later.
      await waitFor('it to end for want of its slot', async () => {
        const [ended] = await lane.plane.rows<{ reason: string | null }>(
          'select outcome_reason as reason from actions where action_id = $1',
          id,
        );
        return ended?.reason === 'the slot was lost';
      });
    },
  },
  {
    key: 'stale',
    row: 'slot lost to the next holder after that: token stale',
    ends: alike('failed', 0),
    async inject({ lane, resource, fire }) {
      lane.worker().holdAt(resource, 'locked');
      const id = await fire();
      await lane.worker().isHeld(resource);
      await lane.plane.rows('delete from slots where action_id = $1', id);
      // What the journal does first for the next holder.
      await lane.plane.rows(
        `insert into fences (target, token) values ($1, nextval('fencing_token'))
         on conflict (target) do update set token = excluded.token`,
        resource,
      );
      lane.worker().release(resource);
    },
  },
];

/** `PENDING_ACTIVITY_STATE_STARTED` of Temporal's API. */
const STARTED = 2;

/** Its two halves are those of the test, which kills the one server of all lanes between them. */
export const TEMPORAL_RESTARTED: Fault = {
  key: 'temporal',
  row: 'Temporal killed during the effect, and started again',
  ends: alike('succeeded', 1),
  async inject({ lane, resource, fire }) {
    lane.worker().holdAt(resource, 'effect');
    await fire();
    await lane.worker().isHeld(resource);
  },
};
