import {
  allHandlersFinished,
  condition,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { ReceivedDecision } from '../activities/decide';
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

interface Ending {
  outcome: Outcome;
  reason: string;
}

interface Verdict {
  state: 'approved' | 'rejected' | 'cancelled';
  by: string;
}

/** What arrived at an action so far. */
interface Post {
  plain: Extract<ReceivedDecision, { kind: 'plain' }>[];
  result: Verdict | null;
  cleared: ConditionCleared['reason'] | null;
  token: number | null;
  isClosed: boolean;
}

/** Where the decisions about one action arrive. */
export interface Desk {
  /** The first ending decision; null at the deadline, or when the condition cleared before. */
  decided: (deadlineMs: number) => Promise<Verdict | null>;
  cleared: () => ConditionCleared['reason'] | null;
  cancelledBy: () => string | null;
  /** The token of the slot; null when `until` (epoch ms) passes or the action is not wanted any more. */
  granted: (until: number) => Promise<number | null>;
  /** From now on decisions are refused. */
  close: () => void;
  isQuiet: () => boolean;
}

/** Opens the doors of an action: the signed update, the plain signals, and what Vigil itself tells it. */
export function listenForDecisions(plan: ActionPlan): Desk {
  const post: Post = { plain: [], result: null, cleared: null, token: null, isClosed: false };
  openDoors(plan, post);
  return {
    decided: (deadlineMs) => decided(plan, post, deadlineMs),
    cleared: () => post.cleared,
    cancelledBy: () => cancelledBy(post),
    async granted(until) {
      const left = Math.max(until - Date.now(), 1);
      const isAwake = (): boolean =>
        post.token !== null || post.cleared !== null || cancelledBy(post) !== null;
      await condition(isAwake, left, { summary: 'A yes lives as long as the deadline' });
      return post.token;
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
        refuseUnwanted(decision, plan, post);
      },
    },
  );
}

/** Throws what the sender of an unwanted decision is told. */
function refuseUnwanted(decision: Decision, plan: ActionPlan, post: Post): void {
  if (post.isClosed) throw new Error('the action has ended');
  if (decision === 'cancel') return;
  if (plan.approval === null) throw new Error('the action does not ask for approval');
  if (post.result !== null) throw new Error('the action was decided already');
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
  if (reply.state !== 'waiting') post.result ??= { state: reply.state, by: reply.by };
  return { kind: 'accepted', state: reply.state };
}

async function decided(plan: ActionPlan, post: Post, deadlineMs: number): Promise<Verdict | null> {
  const endsAt = Date.now() + deadlineMs;
  const isOver = (): boolean => post.result !== null || post.cleared !== null;
  while (!isOver()) {
    const first = post.plain.shift();
    if (first !== undefined) {
      await take(plan, post, first);
      continue;
    }
    const left = endsAt - Date.now();
    const isAwake = (): boolean => isOver() || post.plain.length > 0;
    const summary = 'Deadline of the approval';
    if (left <= 0 || !(await condition(isAwake, left, { summary }))) return null;
  }
  return post.result;
}

function cancelledBy({ result, plain }: Post): string | null {
  if (result?.state === 'cancelled') return result.by;
  return plain.some((p) => p.decision === 'cancel') ? 'temporal' : null;
}

export type Granted = { kind: 'granted'; token: number } | { kind: 'ended'; ending: Ending };

/** Waits for the yes, then for the slot; the condition turning false or the deadline ends it. */
export async function awaitApproval(plan: ActionPlan, desk: Desk): Promise<Granted> {
  const deadlineMs = plan.approval?.deadlineMs ?? 0;
  const endsAt = Date.now() + deadlineMs;
  const decision = await desk.decided(deadlineMs);
  if (decision === null && desk.cleared() === null) {
    const summary = 'The deadline of the approval has passed';
    await control.deadlinePassed.executeWithOptions({ ...CONTROL_ACTIVITY, summary }, [{ plan }]);
    if (plan.approval?.onDeadline !== 'approve') return ended('expired', 'nobody decided in time');
  }
  const refused = endingOf(decision, desk);
  if (refused !== null) return refused;
  const yesUntil = plan.approval?.onDeadline === 'approve' ? endsAt + deadlineMs : endsAt;
  return awaitSlot(plan, desk, yesUntil);
}

function endingOf(decision: Verdict | null, desk: Desk): Granted | null {
  const cleared = desk.cleared();
  if (decision?.state === 'rejected') return ended('rejected', `rejected by ${decision.by}`);
  if (decision?.state === 'cancelled') return ended('cancelled', `cancelled by ${decision.by}`);
  return cleared === null ? null : ended('cancelled', cleared);
}

async function awaitSlot(plan: ActionPlan, desk: Desk, until: number): Promise<Granted> {
  const summary = 'Approved: ask for a slot';
  const answer = await control.admit.executeWithOptions({ ...CONTROL_ACTIVITY, summary }, [
    { actionId: plan.actionId },
  ]);
  if (answer.kind === 'granted') return { kind: 'granted', token: answer.token };
  if (answer.kind === 'closed') return ended('cancelled', 'the request was withdrawn');
  const token = await desk.granted(until);
  if (token !== null) return { kind: 'granted', token };
  const by = desk.cancelledBy();
  if (by !== null) return ended('cancelled', `cancelled by ${by}`);
  const cleared = desk.cleared();
  return cleared === null
    ? ended('expired', `approved, but held by ${answer.hold.gate} until the deadline`)
    : ended('cancelled', cleared);
}

function ended(outcome: Outcome, reason: string): Granted {
  return { kind: 'ended', ending: { outcome, reason } };
}
