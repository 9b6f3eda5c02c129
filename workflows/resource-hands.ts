import {
  ActivityFailure,
  condition,
  log,
  rootCause,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  proxyActivities,
  startChild,
  upsertSearchAttributes,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { Activities } from '../activities';
import type { ActionPlan } from '../domain/action/action';
import type { Intent } from '../domain/action/plan';
import type { Fact } from '../domain/action/reduce';
import {
  KNOWS_NOTHING,
  type Errand,
  type ManualRequest,
  type RequestAnswer,
  type ResourceState,
} from '../domain/action/resource-state';
import { worstPhase } from '../domain/action/story';
import { SEVERITIES } from '../domain/policy/policy';
import type { actionWorkflow } from './action';
import { CONTROL_ACTIVITY } from './activity-options';
import {
  ACTION_WORKFLOW,
  actionWorkflowId,
  CONTROL_QUEUE,
  SIGNALS,
  type ActionInput,
  type ManualAnswer,
} from './contract';
import {
  VIGIL_PHASE,
  VIGIL_POLICY,
  VIGIL_RESOURCE,
  VIGIL_SEVERITY,
  type SearchAttributePair,
} from './search-attributes';

const control = proxyActivities<Activities>(CONTROL_ACTIVITY);

/** Carries intents out without awaiting them; what comes of each is pushed as a fact. */
export interface Hands {
  /** Starts an intent; returns the fact that it is under way. */
  start: (intent: Intent, handledVersion: number) => Fact;
  /** True when nothing that was started is still under way. */
  isQuiet: () => boolean;
  /** Shows the phase in the search attributes when it changed. */
  show: (state: ResourceState) => void;
  hasSearchAttributes: () => boolean;
  /** Resolves once a person's request was answered. */
  manualAnswer: (actionId: string) => Promise<ManualAnswer>;
  /** The correlation id that later requests carry on. */
  correlate: (correlationId: string | null) => void;
}

interface Memory {
  resource: string;
  underWay: number;
  correlationId: string | null;
  hasSearchAttributes: boolean;
  shown: string;
  hostStartMs: number | undefined;
  answers: Map<string, ManualAnswer>;
}

export function createHands(
  resource: string,
  options: {
    push: (fact: Fact) => void;
    hasSearchAttributes: boolean;
    hostStartMs?: number | undefined;
  },
): Hands {
  const memory: Memory = {
    resource,
    underWay: 0,
    correlationId: null,
    hasSearchAttributes: options.hasSearchAttributes,
    shown: '',
    hostStartMs: options.hostStartMs,
    answers: new Map(),
  };

  /** What fails for good comes back as a fact too: the loop lives on, and asks again later. */
  async function run({ work, onFailure }: Job): Promise<void> {
    memory.underWay += 1;
    let fact = onFailure;
    try {
      fact = await work();
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      log.warn('an activity of the resource failed', { reason: rootCause(error) ?? error.message });
    }
    memory.underWay -= 1;
    options.push(fact);
  }

  return {
    start(intent, handledVersion) {
      const job = jobOf(memory, intent, handledVersion);
      void run(job);
      return job.begun;
    },
    isQuiet: () => memory.underWay === 0,
    show(state) {
      show(memory, state);
    },
    hasSearchAttributes: () => memory.hasSearchAttributes,
    async manualAnswer(actionId) {
      await condition(() => memory.answers.has(actionId));
      const answer = memory.answers.get(actionId) ?? LOST;
      memory.answers.delete(actionId);
      return answer;
    },
    correlate(id) {
      memory.correlationId = id;
    },
  };
}

const LOST = {
  kind: 'refused',
  gate: 'not_actionable',
  detail: 'the request could not be made',
} as const satisfies ManualAnswer;

interface Job {
  /** The fact that it is under way. */
  begun: Fact;
  work: () => Promise<Fact>;
  onFailure: Fact;
}

function jobOf(memory: Memory, intent: Intent, handledVersion: number): Job {
  switch (intent.kind) {
    case 'request': {
      const { policy } = intent;
      const answer = { kind: 'not_firing', verdict: 'unknown', firesInMs: null } as const;
      return {
        begun: { kind: 'asked', policy },
        work: () => request(memory, policy, handledVersion),
        onFailure: { kind: 'answered', policy, answer },
      };
    }
    case 'requestManual': {
      const { actionId } = intent.request;
      return {
        begun: { kind: 'manualAsked', actionId },
        work: () => requestManual(memory, intent.request),
        onFailure: { kind: 'manualAnswered', actionId, answer: { kind: 'gone' } },
      };
    }
    case 'startChild': {
      const { actionId } = intent.plan;
      const started: Fact = { kind: 'childStarted', actionId };
      return {
        begun: { kind: 'childWanted', actionId },
        work: async () => {
          await startAction(intent, memory);
          return started;
        },
        onFailure: started,
      };
    }
    case 'errand': {
      const done: Fact = { kind: 'errandDone', actionId: intent.errand.actionId };
      const begun: Fact = { kind: 'errandBegun', actionId: intent.errand.actionId };
      return { begun, work: () => runErrand(intent.errand), onFailure: done };
    }
    case 'acknowledge': {
      const { version } = intent;
      const done: Fact = { kind: 'acknowledged', version };
      return {
        begun: done,
        work: async () => {
          const summary =
            version === KNOWS_NOTHING
              ? 'Say that no verdict is known'
              : 'Say that this version was handled';
          const options = { ...CONTROL_ACTIVITY, summary };
          const handled = { resource: memory.resource, version };
          await control.acknowledge.executeWithOptions(options, [handled]);
          return done;
        },
        onFailure: done,
      };
    }
  }
}

async function request(memory: Memory, policy: string, handledVersion: number): Promise<Fact> {
  const { resource, correlationId } = memory;
  const options = { ...CONTROL_ACTIVITY, summary: `May ${policy} act?` };
  const answer = await control.request.executeWithOptions(options, [
    { resource, policy, handledVersion, correlationId },
  ]);
  memory.hasSearchAttributes = answer.hasSearchAttributes;
  return { kind: 'answered', policy, answer };
}

async function requestManual(memory: Memory, asked: ManualRequest): Promise<Fact> {
  const options = { ...CONTROL_ACTIVITY, summary: `May ${asked.requestedBy} act?` };
  const { actionId } = asked;
  try {
    const answer = await control.requestManual.executeWithOptions(options, [
      { resource: memory.resource, request: asked },
    ]);
    memory.hasSearchAttributes = answer.hasSearchAttributes;
    memory.answers.set(actionId, toManualAnswer(actionId, answer));
    return { kind: 'manualAnswered', actionId, answer };
  } catch (error) {
    memory.answers.set(actionId, LOST);
    throw error;
  }
}

function show(memory: Memory, state: ResourceState): void {
  if (!memory.hasSearchAttributes) return;
  const attributes = attributesOf(state);
  const text = JSON.stringify(attributes.map((pair) => pair.value));
  if (text !== memory.shown) upsertSearchAttributes(attributes);
  memory.shown = text;
}

async function startAction({ plan, token }: ActionInput, memory: Memory): Promise<void> {
  const { hostStartMs, hasSearchAttributes } = memory;
  try {
    await startChild<typeof actionWorkflow>(ACTION_WORKFLOW, {
      args: [{ plan, token, ...(hostStartMs === undefined ? {} : { hostStartMs }) }],
      workflowId: actionWorkflowId(plan.actionId),
      taskQueue: CONTROL_QUEUE,
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      staticSummary: `${plan.steps.map((s) => s.action).join(', ')} ${plan.resource}`,
      staticDetails: `${plan.policy ?? `asked for by ${plan.requestedBy}`}: ${plan.reason}`,
      ...(hasSearchAttributes ? { typedSearchAttributes: childAttributes(plan) } : {}),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    // It runs already: adopted. It ran already, and a grant came late or twice: its end is told again.
    const options = { ...CONTROL_ACTIVITY, summary: 'Was it recorded already?' };
    await control.retell.executeWithOptions(options, [{ actionId: plan.actionId }]);
  }
}

async function runErrand({ kind, actionId, reason }: Errand): Promise<Fact> {
  if (kind === 'withdraw') {
    const options = { ...CONTROL_ACTIVITY, summary: `Withdraw the request: ${reason}` };
    await control.withdraw.executeWithOptions(options, [{ actionId, reason }]);
  } else {
    const handle = getExternalWorkflowHandle(actionWorkflowId(actionId));
    // An action that has ended meanwhile needs no word.
    await handle.signal(SIGNALS.conditionCleared, { reason }).catch(() => undefined);
  }
  return { kind: 'errandDone', actionId };
}

function toManualAnswer(actionId: string, answer: RequestAnswer): ManualAnswer {
  switch (answer.kind) {
    case 'start':
      return { kind: 'started', actionId };
    case 'queued':
      return { kind: 'queued', actionId, gate: answer.hold.gate, detail: answer.hold.detail };
    case 'held':
      return { kind: 'refused', gate: answer.hold.gate, detail: answer.hold.detail };
    case 'gone':
      return { ...LOST, detail: 'no manifest describes this resource' };
    case 'not_firing':
      return { ...LOST, detail: 'the request was closed already: look at its action' };
  }
}

function attributesOf(state: ResourceState): SearchAttributePair[] {
  const policies = Object.entries(state.policies).filter(([, p]) => p.phase.kind !== 'inactive');
  const severities = policies.map(([, p]) => p.severity);
  const worst = SEVERITIES.find((severity) => severities.includes(severity));
  return [
    { key: VIGIL_RESOURCE, value: state.resource },
    { key: VIGIL_PHASE, value: worstPhase(state) },
    { key: VIGIL_POLICY, value: policies.map(([key]) => key) },
    ...(worst === undefined ? [] : [{ key: VIGIL_SEVERITY, value: worst }]),
  ];
}

function childAttributes(plan: ActionPlan): SearchAttributePair[] {
  return [
    { key: VIGIL_RESOURCE, value: plan.resource },
    { key: VIGIL_PHASE, value: 'acting' },
    { key: VIGIL_POLICY, value: plan.policy === null ? [] : [plan.policy] },
    { key: VIGIL_SEVERITY, value: plan.severity },
  ];
}
