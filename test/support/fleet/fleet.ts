import type { ActionPlan, Outcome } from '../../../domain/action/action';
import type { Decision } from '../../../domain/action/admission';
import type { Intent } from '../../../domain/action/plan';
import type { Fact } from '../../../domain/action/reduce';
import type { ResourceState, RequestAnswer } from '../../../domain/action/resource-state';
import { createSimulation, type Simulation } from '../../../domain/action/simulate';
import { EXECUTE_TIMEOUT_MS } from '../../../workflows/contract';
import {
  acknowledge,
  begin,
  recordEnding,
  request,
  retell,
  withdrawal,
  type Course,
} from './activities';
import {
  announce,
  createFleetDatabase,
  tellGrant,
  writeVerdict,
  type FleetDatabase,
  type FleetRequest,
  type Message,
} from './database';
import { createThings, execute, type Things } from './runtime';
import { RESOURCES } from './world';

/**
 * Temporal, its workers, the dispatcher, the sweep and the reaper around the real reduce and plan.
 * Nothing goes on by itself: whoever drives it says which attempt takes its next step.
 */

/** An activity of a workflow: attempts until one that counts has completed. */
export interface Job {
  label: string;
  /** False: its workflow has ended, and nobody starts another attempt or hears of one. */
  isWanted: () => boolean;
  course: (attempt: Attempt) => Course<unknown>;
  done: (result: unknown) => void;
  newest: Attempt | null;
  isOver: boolean;
}

export interface Attempt {
  job: Job;
  course: Course<unknown>;
  startedAt: number;
}

interface ResourceRun {
  simulation: Simulation;
  isRunning: boolean;
}

interface ActionRun {
  status: 'running' | 'closed' | 'terminated';
}

export interface Fleet {
  db: FleetDatabase;
  things: Things;
  runs: Map<string, ResourceRun>;
  actions: Map<string, ActionRun>;
  jobs: Job[];
  attempts: Attempt[];
  /** What was delivered lately: it may arrive once more. */
  delivered: Message[];
  /** How the next verification and the next effect end. */
  fate: { outcome: Outcome; fails: boolean };
  /** Whether a good effect makes the thing well again at once. */
  heals: boolean;
}

export function createFleet(
  onPass: (asked: readonly FleetRequest[], decisions: readonly Decision[]) => void,
): Fleet {
  return {
    db: createFleetDatabase(onPass),
    things: createThings(),
    ...{ runs: new Map(), actions: new Map(), jobs: [], attempts: [], delivered: [] },
    fate: { outcome: 'succeeded', fails: false },
    heals: false,
  };
}

/** Starts an attempt; an earlier one may still be alive: its worker does not know that it is given up. */
export function startAttempt(fleet: Fleet, job: Job): void {
  const attempt = { job, startedAt: fleet.db.now } as Attempt;
  attempt.course = job.course(attempt);
  job.newest = attempt;
  fleet.attempts.push(attempt);
}

/** Lets an attempt go on to its next pause; Temporal takes the result of the newest one only. */
export function goOn(fleet: Fleet, attempt: Attempt, options = { isAnswerLost: false }): boolean {
  const { done, value } = attempt.course.next();
  if (done !== true) return false;
  endAttempt(fleet, attempt);
  const { job } = attempt;
  if (options.isAnswerLost || job.newest !== attempt || job.isOver || !job.isWanted()) return true;
  job.isOver = true;
  job.done(value);
  return true;
}

/** Its worker dies, or it has ended: the lock goes with its connection, and what it did not finish is as it is. */
export function endAttempt({ attempts, things }: Fleet, attempt: Attempt): void {
  attempts.splice(attempts.indexOf(attempt), 1);
  for (const [target, holder] of things.locks) {
    if (holder !== attempt) continue;
    things.locks.delete(target);
    things.underWay.delete(target);
  }
}

/** Lets time pass: timers go off, and no attempt of `execute` outlives its start-to-close. */
export function tick(fleet: Fleet, ms: number): void {
  fleet.db.now += ms;
  const old = fleet.attempts.filter((a) => fleet.db.now - a.startedAt >= EXECUTE_TIMEOUT_MS);
  for (const attempt of old) endAttempt(fleet, attempt);
  for (const run of fleet.runs.values()) run.simulation.runUntil(fleet.db.now);
}

/** Delivers a message, to a workflow that is started for it or runs. */
export function deliver(fleet: Fleet, message: Message): void {
  const { resource, fact, starts } = message;
  const isStarted = !fleet.runs.has(resource) && starts;
  if (isStarted) startResource(fleet, resource);
  const simulation = fleet.runs.get(resource)?.simulation;
  simulation?.feed(fact);
  if (isStarted) simulation?.feed({ kind: 'begunBlind' });
  fleet.delivered = [message, ...fleet.delivered].slice(0, 10);
}

export function stateOf(fleet: Fleet, resource: string): ResourceState | null {
  return fleet.runs.get(resource)?.simulation.state() ?? null;
}

/** The workflow of a resource is gone with all that it knew. */
export function terminateResource(fleet: Fleet, resource: string): void {
  const run = fleet.runs.get(resource);
  if (run !== undefined) run.isRunning = false;
  fleet.runs.delete(resource);
}

export function terminateAction(fleet: Fleet, actionId: string): void {
  const action = fleet.actions.get(actionId);
  if (action?.status === 'running') action.status = 'terminated';
}

function startResource(fleet: Fleet, resource: string): void {
  const world = {
    carryOut: (intent: Intent) => ({ fact: carryOut(fleet, run, { resource, intent }), later: [] }),
  };
  const simulation = createSimulation(resource, world, fleet.db.now);
  const run: ResourceRun = { simulation, isRunning: true };
  fleet.runs.set(resource, run);
}

/** The intent becomes a job, whose result is fed as a fact; returns that it is under way. */
function carryOut(
  fleet: Fleet,
  run: ResourceRun,
  { resource, intent }: { resource: string; intent: Intent },
): Fact {
  const { db } = fleet;
  const isWanted = (): boolean => run.isRunning;
  const add = <T>(
    label: string,
    course: () => Course<T>,
    fact: (result: T) => Fact | null,
  ): void => {
    addJob(fleet, { label, isWanted, course }, (result) => {
      const next = fact(result as T);
      if (next !== null) run.simulation.feed(next);
    });
  };
  switch (intent.kind) {
    case 'request': {
      const { policy } = intent;
      const handled = run.simulation.state().version;
      add<RequestAnswer>(
        `request ${resource} ${policy}`,
        () => request(db, { resource, policy, handled }),
        (answer) => ({ kind: 'answered', policy, answer }),
      );
      return { kind: 'asked', policy };
    }
    case 'startChild': {
      const { plan, token } = intent;
      const { actionId } = plan;
      add(
        `start ${actionId}`,
        () => startAction(fleet, plan, token),
        () => ({ kind: 'childStarted', actionId }),
      );
      return { kind: 'childWanted', actionId };
    }
    case 'errand': {
      const { actionId } = intent.errand;
      add(
        `withdraw ${actionId}`,
        () => withdrawal(db, actionId),
        () => ({ kind: 'errandDone', actionId }),
      );
      return { kind: 'errandBegun', actionId };
    }
    case 'acknowledge': {
      const { version } = intent;
      add(
        `acknowledge ${resource}`,
        () => acknowledge(db, resource, version),
        () => null,
      );
      return { kind: 'acknowledged', version };
    }
    case 'requestManual':
      throw new Error('nobody asks for anything here');
  }
}

function addJob(
  { jobs }: Fleet,
  job: Pick<Job, 'label' | 'isWanted' | 'course'>,
  done: Job['done'],
): void {
  jobs.push({ ...job, done, newest: null, isOver: false });
}

/** The id is used once: who finds it running adopts it, who finds it closed is told its end again. */
function* startAction(fleet: Fleet, plan: ActionPlan, token: number | null): Course<null> {
  yield;
  if (fleet.actions.has(plan.actionId)) {
    yield;
    return yield* retell(fleet.db, plan.actionId);
  }
  const action: ActionRun = { status: 'running' };
  fleet.actions.set(plan.actionId, action);
  runAction(fleet, action, actionCourse(fleet, plan, token ?? 0));
  return null;
}

type Call = Pick<Job, 'label' | 'course'>;

/** workflows/action.ts: each call is an activity of the action. */
function* actionCourse(
  fleet: Fleet,
  plan: ActionPlan,
  token: number,
): Generator<Call, void, unknown> {
  const { db } = fleet;
  const { actionId, resource: target } = plan;
  let outcome: Outcome = 'succeeded';
  for (const step of plan.steps.keys()) {
    const label = `${actionId}/${step}`;
    const go = yield { label: `begin ${label}`, course: () => begin(db, { actionId, token }) };
    if (go !== 'go') {
      outcome = 'cancelled';
      break;
    }
    const call = { actionId, step, target, token, fails: () => fleet.fate.fails };
    const effect = yield {
      label: `execute ${label}`,
      course: (attempt) => execute(fleet, call, attempt),
    };
    if (effect !== 'done') {
      outcome = 'failed';
      break;
    }
    outcome = (yield { label: `verify ${label}`, course: () => verify(fleet, plan) }) as Outcome;
    if (outcome !== 'succeeded') break;
  }
  const ending = outcome;
  yield { label: `record ${actionId}`, course: () => recordEnding(db, actionId, () => ending) };
}

function* verify(fleet: Fleet, { policy, resource }: ActionPlan): Course<Outcome> {
  yield;
  if (fleet.heals && policy !== null) writeVerdict(fleet.db, { resource, policy }, 'false');
  return fleet.fate.outcome;
}

/** A workflow is durable: what it has done stays done, and its next call is a job. */
function runAction(
  fleet: Fleet,
  action: ActionRun,
  course: Generator<Call, void, unknown>,
  result?: unknown,
): void {
  const next = course.next(result);
  if (next.done === true) {
    action.status = 'closed';
    return;
  }
  const isWanted = (): boolean => action.status === 'running';
  addJob(fleet, { ...next.value, isWanted }, (answer) => {
    runAction(fleet, action, course, answer);
  });
}

const UNHANDLED_MS = 60_000;
const REAP_AFTER_MS = 30_000;
const GIVE_UP_MS = 300_000;
const NO_SLOT = { begunAt: null, grantedAt: Infinity };

/** detector/sweep.ts. */
export function sweep(fleet: Fleet): void {
  const { db } = fleet;
  for (const resource of RESOURCES) {
    const isTrue = [...db.verdicts].some(
      ([key, { verdict }]) => key.startsWith(`${resource} `) && verdict === 'true',
    );
    const delivery = db.deliveries.get(resource);
    const waits = [...db.outbox.values()].filter((message) => message.resource === resource);
    const isOld = delivery !== undefined && delivery.sentAt < db.now - UNHANDLED_MS;
    const isTold = waits.some(({ fact }) => fact.kind === 'verdictsChanged');
    if (isOld && isTrue && !isTold && delivery.sent !== delivery.handled) {
      announce(db, resource, { version: delivery.sent, starts: false });
    }
    const isOpen = [...db.requests.values()].some(
      (r) => r.resource === resource && r.state !== 'closed',
    );
    const isStarting = waits.some(({ starts }) => starts);
    if ((isTrue || isOpen) && !isStarting && !fleet.runs.has(resource)) {
      announce(db, resource, { version: db.nextVersion++, starts: true });
    }
  }
}

/** activities/housekeeping.ts: one request that is not closed, between two looks at the database. */
export function addReaping(fleet: Fleet): void {
  const { db } = fleet;
  const old = [...db.requests.values()].filter(
    (r) => r.state !== 'closed' && r.createdAt < db.now - REAP_AFTER_MS,
  );
  for (const { actionId } of old) {
    const isWanted = (): boolean => true;
    const course = (): Course<null> => reap(fleet, actionId);
    addJob(fleet, { label: `reap ${actionId}`, isWanted, course }, () => undefined);
  }
}

function* reap(fleet: Fleet, actionId: string): Course<null> {
  const { db } = fleet;
  const request = db.requests.get(actionId);
  if (request === undefined) return null;
  const before = { ...NO_SLOT, ...db.slots.get(actionId) };
  yield;
  const action = fleet.actions.get(actionId);
  if (action?.status === 'running') return null;
  const isKnown = action !== undefined || before.begunAt !== null;
  const isGivenUp = db.now - before.grantedAt >= GIVE_UP_MS;
  const isLost = isKnown || !fleet.runs.has(request.resource) || isGivenUp;
  yield;
  if (isLost) return yield* recordEnding(db, actionId, (r) => reapedOutcome(fleet, r));
  const held = db.slots.get(actionId);
  if (request.state === 'granted' && held !== undefined) tellGrant(db, request, held.token);
  return null;
}

function reapedOutcome({ db }: Fleet, { actionId, state }: FleetRequest): Outcome | null {
  if (state === 'closed') return null;
  const begunAt = db.slots.get(actionId)?.begunAt ?? null;
  if (begunAt === null) return 'cancelled';
  return db.now < begunAt + EXECUTE_TIMEOUT_MS ? null : 'inconclusive';
}

/** A lost history: the server knows nothing of the id. */
export function loseAction(fleet: Fleet, actionId: string): void {
  terminateAction(fleet, actionId);
  fleet.actions.delete(actionId);
}
