import {
  condition,
  proxyActivities,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { ActionPlan } from '../domain/action/action';
import { CONTROL_ACTIVITY, VERIFY_ACTIVITY } from './activity-options';
import { awaitApproval, listenForDecisions, type Desk, type Ending } from './approval';
import type { ActionInput } from './contract';
import { execute, inspect, labelOf, type StepCall } from './runtime-hands';
import { VIGIL_OUTCOME } from './search-attributes';

const control = proxyActivities<Activities>(CONTROL_ACTIVITY);

/**
 * One action: approval where it is asked for, then a slot, then each step
 * inspect → begin → execute → verify, and the outcome recorded with its release.
 */
export async function actionWorkflow(input: ActionInput): Promise<Ending> {
  const { plan } = input;
  const desk = listenForDecisions(plan);
  const ending = await run(input, desk);
  desk.close();
  show(plan, `ended **${ending.outcome}**: ${ending.reason}`);
  const summary = `Record ${ending.outcome}: ${ending.reason}`;
  await control.record.executeWithOptions({ ...CONTROL_ACTIVITY, summary }, [{ plan, ...ending }]);
  if (workflowInfo().typedSearchAttributes.getAll().length > 0) {
    upsertSearchAttributes([{ key: VIGIL_OUTCOME, value: ending.outcome }]);
  }
  // A decision that came too late is still answered.
  await condition(() => desk.isQuiet());
  return ending;
}

async function run(input: ActionInput, desk: Desk): Promise<Ending> {
  const { plan, hostStartMs } = input;
  let token = input.token;
  if (token === null) {
    show(plan, 'waits for approval');
    const granted = await awaitApproval(plan, desk);
    if (granted.kind === 'ended') return granted.ending;
    token = granted.token;
  }
  let last: Ending = { outcome: 'succeeded', reason: 'nothing to do' };
  for (const [index, step] of plan.steps.entries()) {
    last = await runStep({ plan, index, step, token, hostStartMs, desk });
    if (last.outcome !== 'succeeded' && last.outcome !== 'skipped') return last;
  }
  return last;
}

interface StepRun extends StepCall {
  desk: Desk;
}

/** inspect → begin → execute → verify. */
async function runStep(run: StepRun): Promise<Ending> {
  const { plan, index, token } = run;
  const label = labelOf(run);
  show(plan, `begins ${label}`);
  const inspected = await inspect(run);
  if (inspected.kind === 'failed') return inspected.ending;
  const calledOff = await run.desk.calledOff(index === plan.steps.length - 1);
  if (calledOff !== null) return calledOff;
  const summary = `Confirm slot, pause and condition before ${label}`;
  const go = await control.begin.executeWithOptions({ ...CONTROL_ACTIVITY, summary }, [
    { plan, step: index, token },
  ]);
  if (go.kind === 'stop') return { outcome: go.outcome, reason: go.reason };
  if (plan.dryRun) return { outcome: 'skipped', reason: `dry run: would ${label}` };
  const confirmed = { ...run, confirmedAt: go.at };
  const effect = await execute(confirmed, go.target, inspected.result);
  if (effect.kind === 'failed') return effect.ending;
  const { result } = effect;
  show(plan, `verifies ${label}: ${result.summary}`);
  const verified = await control.verify.executeWithOptions(
    { ...VERIFY_ACTIVITY, summary: `Is it fixed? ${result.summary}` },
    [{ plan, step: index, summary: result.summary }],
  );
  return { outcome: verified.outcome, reason: verified.why };
}

/** The run's current details in Temporal's Web UI. */
function show(plan: ActionPlan, now: string): void {
  const cause =
    plan.policy === null ? `asked for by **${plan.requestedBy}**` : `**${plan.policy}**`;
  setCurrentDetails(
    `### ${plan.steps.map((s) => s.action).join(' → ')} ${plan.resource}\n\n${cause}: ${plan.reason}\n\n${now}`,
  );
}
