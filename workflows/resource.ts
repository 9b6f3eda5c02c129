import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  patched,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { inTurn, plan, type Deadline, type Intent, type Plan } from '../domain/action/plan';
import { reduce, type Fact } from '../domain/action/reduce';
import { emptyState, KNOWS_NOTHING, type ResourceState } from '../domain/action/resource-state';
import { describeState } from '../domain/action/story';
import {
  QUERIES,
  SIGNALS,
  UPDATES,
  type ActionFinished,
  type DesiredChanged,
  type GateLifted,
  type ManualAction,
  type ManualAnswer,
  type ResourceConstants,
  type ResourceInput,
  type ResourceStatus,
  type SlotGranted,
  type VerdictsChanged,
} from './contract';
import { createHands, type Hands } from './resource-hands';
import { statusOf } from './resource-status';

const CONSTANTS: ResourceConstants = { floorMs: 1000, maxEvents: 1000 };

interface Run {
  state: ResourceState;
  /** Told to continue as new once idle, so that patches can be retired. */
  isRecycled: boolean;
  /** Nothing was heard yet, and nothing carried over. */
  isNew: boolean;
}

/** Carried over continue-as-new. */
interface Carried {
  state: ResourceState;
  hasSearchAttributes: boolean;
}

/**
 * Decides for one resource for as long as it exists: facts in, one plan out. Handlers only push to
 * the inbox; the loop never awaits an activity, its completions are facts like any other.
 */
export async function resourceWorkflow(input: ResourceInput): Promise<void> {
  const constants = { ...CONSTANTS, ...input.constants };
  const carried = (input.carried ?? {
    state: emptyState(input.resource),
    hasSearchAttributes: false,
  }) as Carried;
  const inbox: Fact[] = [];
  const hands = createHands(input.resource, {
    push: (fact) => inbox.push(fact),
    hasSearchAttributes: carried.hasSearchAttributes,
    hostStartMs: constants.hostStartMs,
  });
  const run: Run = {
    ...{ state: carried.state, isRecycled: false },
    isNew: input.carried === undefined,
  };
  listen(inbox, hands, run);

  for (;;) {
    const next = step(run, inbox, hands);
    setCurrentDetails(describeState(run.state));
    hands.show(run.state);
    if (inbox.length === 0 && hands.isQuiet() && allHandlersFinished()) {
      if (run.state.isDeleted && next.isIdle) return;
      if (isDue(constants, run.isRecycled && next.isIdle)) {
        await continueAsNew<typeof resourceWorkflow>({ ...input, carried: carry(run, hands) });
      }
    }
    await waitFor(() => inbox.length > 0, next.deadline, constants.floorMs);
  }
}

/** Drains the inbox, then starts what the plan says until it says nothing more. */
function step(run: Run, inbox: Fact[], hands: Hands): Plan {
  for (;;) {
    const isFirst = run.isNew && inbox.length > 0;
    for (let fact = inbox.shift(); fact !== undefined; fact = inbox.shift()) {
      run.state = reduce(run.state, fact, Date.now());
    }
    if (isFirst) begin(run);
    const next = plan(run.state, Date.now());
    run.state = next.state;
    const intents = turnsOf(next);
    for (const intent of intents) {
      run.state = reduce(run.state, hands.start(intent, run.state.version), Date.now());
    }
    if (intents.length === 0) return next;
  }
}

/** Where an earlier run was lost, what starts the next one may be the end of an action or a lifted gate. */
function begin(run: Run): void {
  run.isNew = false;
  if (run.state.version !== KNOWS_NOTHING || !patched('begun-blind')) return;
  run.state = reduce(run.state, { kind: 'begunBlind' }, Date.now());
}

/** Policies that want the same target ask one after the other, the worst first. */
function turnsOf(next: Plan): Intent[] {
  const fair = inTurn(next);
  return fair.length < next.intents.length && patched('worst-asks-first') ? fair : next.intents;
}

function carry({ state }: Run, hands: Hands): Carried {
  return { state, hasSearchAttributes: hands.hasSearchAttributes() };
}

function isDue(constants: ResourceConstants, isRecycled: boolean): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return isRecycled || continueAsNewSuggested || historyLength > constants.maxEvents;
}

async function waitFor(
  isAwake: () => boolean,
  deadline: Deadline | null,
  floorMs: number,
): Promise<void> {
  if (deadline === null) {
    await condition(isAwake);
    return;
  }
  const waitMs = Math.max(deadline.at - Date.now(), floorMs);
  await condition(isAwake, waitMs, { summary: deadline.summary });
}

function listen(inbox: Fact[], hands: Hands, run: Run): void {
  setHandler(defineSignal<[VerdictsChanged]>(SIGNALS.verdictsChanged), (message) => {
    hands.correlate(message.correlationId);
    const { version, verdicts } = message;
    inbox.push({ kind: 'verdictsChanged', version, verdicts });
  });
  setHandler(defineSignal<[DesiredChanged]>(SIGNALS.desiredChanged), ({ isDeleted }) => {
    inbox.push({ kind: 'desiredChanged', isDeleted });
  });
  setHandler(defineSignal<[SlotGranted]>(SIGNALS.slotGranted), (message) => {
    inbox.push({ kind: 'slotGranted', ...message });
  });
  setHandler(defineSignal<[GateLifted]>(SIGNALS.gateLifted), () => {
    inbox.push({ kind: 'gateLifted' });
  });
  setHandler(defineSignal<[ActionFinished]>(SIGNALS.actionFinished), (message) => {
    inbox.push({ kind: 'actionFinished', ...message });
  });
  setHandler(defineSignal(SIGNALS.recycled), () => {
    run.isRecycled = true;
    inbox.push({ kind: 'recycled' });
  });
  setHandler(defineQuery<ResourceStatus>(QUERIES.status), () => statusOf(run.state));
  setHandler(
    defineUpdate<ManualAnswer, [ManualAction]>(UPDATES.act),
    async (request) => {
      inbox.push({ kind: 'actAsked', request });
      return hands.manualAnswer(request.actionId);
    },
    { validator: refuseMalformed },
  );
}

function refuseMalformed(request: ManualAction): void {
  if (request.steps.length === 0) throw new Error('an action needs at least one step');
  if (request.actionId === '') throw new Error('an action needs an id');
}
