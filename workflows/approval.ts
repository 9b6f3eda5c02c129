import {
  allHandlersFinished,
  condition,
  defineSignal,
  defineUpdate,
  patched,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { DecideReply, ReceivedDecision } from '../activities/decide';
import type { ActionPlan, Outcome } from '../domain/action/action';
import { CONTROL_ACTIVITY } from './activity-options';
import {
  DECISION_SIGNALS,
  SIGNALS,
  UPDATES,
  type ConditionCleared,
  type Decision,
  type DecisionAnswer,
  type SignedDecision,
  type SlotGranted,
} from './contract';

const control = proxyActivities<Activities>(CONTROL_ACTIVITY);

/** How an action ended, or how a step let it go on. */
export interface Ending {
  outcome: Outcome;
  reason: string;
  /** A person called it off, also by a file PAUSE: no for one cooldown, not "at once again". */
  isCalledOff?: boolean;
}

interface Result {
  state: 'approved' | 'rejected' | 'expired';
  by: string;
}

/** What arrived at an action so far. */
interface Post {
  plain: Extract<ReceivedDecision, { kind: 'plain' }>[];
  result: Result | null;
  /** The decision up to which `result` is known; replies may overtake each other. */
  turn: number;
  cancelledBy: string | null;
  cleared: ConditionCleared['reason'] | null;
  token: number | null;
  /** The last effect cannot be called off any more. */
  isTooLate: boolean;
  isClosed: boolean;
}

/** How long people may think; an escalation moves it once. */
interface Wait {
  /** Epoch ms. */
  until: number;
  isEscalated: boolean;
}

/** Where the decisions about one action arrive. */
export interface Desk {
  /** What people, or the deadline, make of it; null when it was called off or its condition cleared before. */
  decided: (wait: Wait) => Promise<Result | null>;
  /** A yes was taken back up to that decision: it waits for people again, unless they decided since. */
  reopen: (turn: number) => void;
  isApproved: () => boolean;
  /** How it ends because nobody wants it any more; null when it is wanted. */
  unwanted: () => Ending | null;
  /** The token of the slot; null when `until` (epoch ms) passes or the action is not wanted any more. */
  granted: (until: number) => Promise<number | null>;
  /** Waits until `until` (epoch ms); how it ends when a person calls it off before. */
  rest: (until: number, summary: string) => Promise<Ending | null>;
  /** How it ends when a person called it off; null: it goes on, after the last step's for good. */
  calledOff: (isLastStep: boolean) => Promise<Ending | null>;
  /** From now on decisions are refused. */
  close: () => void;
  isQuiet: () => boolean;
}

/** Opens the doors of an action: the signed update, the plain signals, and what Vigil itself tells it. */
export function listenForDecisions(plan: ActionPlan): Desk {
  const post: Post = {
    plain: [],
    result: null,
    turn: 0,
    cancelledBy: null,
    cleared: null,
    token: null,
    isTooLate: false,
    isClosed: false,
  };
  openDoors(plan, post);
  return {
    decided: (wait) => decided(plan, post, wait),
    reopen(turn) {
      if (turn >= post.turn && post.result?.state === 'approved') post.result = null;
    },
    isApproved: () => post.result?.state === 'approved',
    unwanted: () => unwanted(post),
    async granted(until) {
      const summary = 'A yes lives as long as the deadline';
      const isOver = (): boolean =>
        post.token !== null || post.result === null || unwanted(post) !== null;
      await readUntil(plan, post, { isOver, until, summary });
      return post.token;
    },
    async rest(until, summary) {
      const isOver = (): boolean => post.cancelledBy !== null;
      await readUntil(plan, post, { isOver, until, summary });
      return post.cancelledBy === null ? null : cancelled(post.cancelledBy);
    },
    async calledOff(isLastStep) {
      await readPlain(plan, post);
      if (post.cancelledBy !== null) return cancelled(post.cancelledBy);
      post.isTooLate = isLastStep;
      return null;
    },
    close: () => {
      post.isClosed = true;
    },
    isQuiet: allHandlersFinished,
  };
}

function openDoors(plan: ActionPlan, post: Post): void {
  for (const decision of Object.values(DECISION_SIGNALS)) {
    setHandler(defineSignal<[string?]>(decision), (comment) => {
      post.plain.push({ kind: 'plain', decision, comment: comment ?? null });
    });
  }
  setHandler(defineSignal<[ConditionCleared]>(SIGNALS.conditionCleared), ({ reason }) => {
    post.cleared = reason;
  });
  setHandler(defineSignal<[SlotGranted]>(SIGNALS.slotGranted), ({ token }) => {
    post.token = token;
  });
  setHandler(defineSignal(SIGNALS.gateLifted), () => undefined);
  setHandler(
    defineUpdate<DecisionAnswer, [SignedDecision]>(UPDATES.decide),
    (decision: SignedDecision) => take(plan, post, { kind: 'signed', decision }),
    {
      validator: ({ decision }: SignedDecision) => {
        const refusal = refusalOf(decision, plan, post);
        if (refusal !== null) throw new Error(refusal);
      },
    },
  );
}

/** What the sender of a decision that comes too late, or to the wrong action, is told. */
function refusalOf(decision: Decision, plan: ActionPlan, post: Post): string | null {
  if (post.isClosed) return 'the action has ended';
  if (post.cancelledBy !== null) return 'the action was called off already';
  if (decision === 'cancel') {
    return post.isTooLate ? 'its effect has begun: it can no longer be called off' : null;
  }
  if (plan.approval === null) return 'the action does not ask for approval';
  if (decision === 'withdraw' && post.result?.state === 'approved') return null;
  return post.result === null ? null : `the action was decided already: ${post.result.state}`;
}

async function take(
  plan: ActionPlan,
  post: Post,
  received: ReceivedDecision,
): Promise<DecisionAnswer> {
  const word = received.kind === 'signed' ? received.decision.decision : received.decision;
  const options = { ...CONTROL_ACTIVITY, summary: `Decision: ${word}` };
  const reply = await control.decide.executeWithOptions(options, [{ plan, received }]);
  if (reply.kind === 'refused') return reply;
  return settle(plan, post, { ...reply, word });
}

/** What a decision that was written down changes here. */
function settle(
  plan: ActionPlan,
  post: Post,
  reply: Extract<DecideReply, { kind: 'accepted' }> & { word: Decision },
): DecisionAnswer {
  const { state, by, word, turn = post.turn } = reply;
  // Another decision or the deadline may have come while this one was written down.
  const isSame = state === 'waiting' || state === post.result?.state;
  const reason = isSame && post.result?.state !== 'expired' ? null : refusalOf(word, plan, post);
  if (reason !== null) return { kind: 'refused', reason };
  if (state === 'cancelled') post.cancelledBy = by;
  // What was decided later, and was heard of before, stands.
  else if (turn >= post.turn) {
    post.turn = turn;
    if (state !== 'waiting') post.result = { state, by };
    else if (word === 'withdraw') post.result = null;
  }
  return { kind: 'accepted', state };
}

async function decided(plan: ActionPlan, post: Post, wait: Wait): Promise<Result | null> {
  const isOver = (): boolean => post.result !== null || unwanted(post) !== null;
  await readUntil(plan, post, { isOver, until: wait.until, summary: 'Deadline of the approval' });
  if (!isOver() && (await escalated(plan, wait))) return decided(plan, post, wait);
  if (!isOver()) {
    const state = plan.approval?.onDeadline === 'approve' ? 'approved' : 'expired';
    // From here on a decision comes too late.
    post.result = { state, by: 'the deadline' };
    const summary = 'The deadline of the approval has passed';
    await control.deadlinePassed.executeWithOptions({ ...CONTROL_ACTIVITY, summary }, [{ plan }]);
  }
  return post.result;
}

/** At the first deadline a second list is asked as well, for as long again. */
async function escalated(plan: ActionPlan, wait: Wait): Promise<boolean> {
  const { approval } = plan;
  if (approval?.onDeadline !== 'escalate' || wait.isEscalated) return false;
  if (!patched('approval-escalates')) return false;
  wait.isEscalated = true;
  wait.until = Date.now() + approval.deadlineMs;
  const summary = 'Nobody decided in time: ask the second list';
  await control.escalateApproval.executeWithOptions({ ...CONTROL_ACTIVITY, summary }, [{ plan }]);
  return true;
}

/** Reads the plain signals that are there, and those that come, until it is over or `until` passes. */
async function readUntil(
  plan: ActionPlan,
  post: Post,
  wait: { isOver: () => boolean; until: number; summary: string },
): Promise<void> {
  const { isOver, until, summary } = wait;
  const isAwake = (): boolean => isOver() || post.plain.length > 0;
  for (;;) {
    await readPlain(plan, post);
    const left = until - Date.now();
    if (isOver() || left <= 0) return;
    if (!(await condition(isAwake, left, { summary }))) return;
  }
}

async function readPlain(plan: ActionPlan, post: Post): Promise<void> {
  for (let first = post.plain.shift(); first !== undefined; first = post.plain.shift()) {
    if (refusalOf(first.decision, plan, post) === null) await take(plan, post, first);
  }
}

function unwanted({ cancelledBy, cleared }: Post): Ending | null {
  if (cancelledBy !== null) return cancelled(cancelledBy);
  return cleared === null ? null : { outcome: 'cancelled', reason: cleared };
}

function cancelled(by: string): Ending {
  return { outcome: 'cancelled', reason: `cancelled by ${by}`, isCalledOff: true };
}

export type Granted = { kind: 'granted'; token: number } | { kind: 'ended'; ending: Ending };

/** Waits for the yes, then for the slot; the condition turning false or the deadline ends it. */
export async function awaitApproval(plan: ActionPlan, desk: Desk): Promise<Granted> {
  const deadlineMs = plan.approval?.deadlineMs ?? 0;
  const wait: Wait = { until: Date.now() + deadlineMs, isEscalated: false };
  for (;;) {
    const result = await desk.decided(wait);
    if (result?.state === 'rejected') return ended('rejected', `rejected by ${result.by}`);
    if (result?.state === 'expired') return ended('expired', 'nobody decided in time');
    const ending = desk.unwanted();
    if (ending !== null) return { kind: 'ended', ending };
    const extraMs = plan.approval?.onDeadline === 'approve' ? deadlineMs : 0;
    const granted = await awaitSlot(plan, desk, wait.until + extraMs);
    // Null: a yes was taken back while it was queued, so that people are asked again.
    if (granted !== null) return granted;
  }
}

async function awaitSlot(plan: ActionPlan, desk: Desk, until: number): Promise<Granted | null> {
  const summary = 'Approved: ask for a slot';
  const answer = await control.admit.executeWithOptions({ ...CONTROL_ACTIVITY, summary }, [
    { actionId: plan.actionId },
  ]);
  if (answer.kind === 'granted') return { kind: 'granted', token: answer.token };
  if (answer.kind === 'closed') return ended('cancelled', 'the request was withdrawn');
  if (answer.kind === 'unapproved') {
    desk.reopen(answer.turn);
    return null;
  }
  const token = await desk.granted(until);
  if (token !== null) return { kind: 'granted', token };
  const ending = desk.unwanted();
  if (ending !== null) return { kind: 'ended', ending };
  if (!desk.isApproved()) return null;
  return ended('expired', `approved, but held by ${answer.hold.gate} until the deadline`);
}

function ended(outcome: Outcome, reason: string): Granted {
  return { kind: 'ended', ending: { outcome, reason } };
}
