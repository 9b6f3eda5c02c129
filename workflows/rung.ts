import { patched, proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { ActionPlan } from '../domain/action/action';
import { isLastEffect, type RungResult, type Undo } from '../domain/action/ladder';
import type { RuntimeTarget, Snapshot } from '../domain/action/runtime';
import { NOTIFY } from '../domain/policy/policy';
import { CONTROL_ACTIVITY, VERIFY_ACTIVITY } from './activity-options';
import type { Desk, Ending } from './approval';
import { execute, inspect, labelOf, restore, type StepCall } from './runtime-hands';

const control = proxyActivities<Activities>(CONTROL_ACTIVITY);

export interface RungRun extends StepCall {
  desk: Desk;
}

/** The reason with which `begin` says that nothing is wrong any more. */
const CLEARED = 'cleared';

/** One step: inspect → begin → execute → verify, and undone where it did not help. */
export async function climb(run: RungRun): Promise<RungResult> {
  const { plan, index, step, token, desk } = run;
  if (step.action === NOTIFY) return tell(run);
  const label = labelOf(run);
  show(plan, `begins ${label}`);
  const inspected = await inspect(run);
  if (inspected.kind === 'failed') return withoutEffect(inspected.ending);
  const calledOff = await desk.calledOff(isLastEffect(plan, index));
  if (calledOff !== null) return stopped(calledOff);
  const summary = `Confirm slot, pause and condition before ${label}`;
  const go = await control.begin.executeWithOptions({ ...CONTROL_ACTIVITY, summary }, [
    { plan, step: index, token, ...aimOf(inspected.result) },
  ]);
  if (go.kind === 'stop') {
    return go.reason === CLEARED
      ? { kind: 'cleared', why: go.reason, endedAt: Date.now() }
      : stopped(go);
  }
  if (plan.dryRun) return foretell(run, inspected.result);
  return act({ ...run, confirmedAt: go.at }, go.target, inspected.result);
}

function aimOf({ aim }: Snapshot): Pick<Snapshot, 'aim'> {
  return aim === undefined ? {} : { aim };
}

async function act(run: RungRun, target: RuntimeTarget, before: Snapshot): Promise<RungResult> {
  const { plan, index } = run;
  const effect = await execute(run, target, before);
  if (effect.kind === 'failed') return withoutEffect(effect.ending);
  const endedAt = Date.now();
  const { summary, details } = effect.result;
  show(plan, `verifies ${labelOf(run)}: ${summary}`);
  const said = { summary, ...(details === undefined ? {} : { details }) };
  const { outcome, why } = await control.verify.executeWithOptions(
    { ...VERIFY_ACTIVITY, summary: `Is it fixed? ${summary}` },
    [{ plan, step: index, ...said }],
  );
  switch (outcome) {
    case 'succeeded':
      return { kind: 'fixed', why, endedAt };
    case 'inconclusive':
      return { kind: 'inconclusive', why, endedAt };
    case 'failed':
      return { kind: 'failed', why, undo: await undo(run, target, before), endedAt };
  }
}

/** Brings back what stood before a step that did not help, where its runtime can. */
async function undo(run: RungRun, target: RuntimeTarget, before: Snapshot): Promise<Undo> {
  const { plan, index } = run;
  if (!patched('rollback')) return { kind: 'impossible' };
  show(plan, `undoes ${labelOf(run)}, which did not help`);
  const restored = await restore(run, target, before);
  if (restored.kind === 'done' && restored.result === null) return { kind: 'impossible' };
  const undone: Exclude<Undo, { kind: 'no_effect' | 'impossible' }> =
    restored.kind === 'failed'
      ? { kind: 'broken', why: restored.ending.reason }
      : { kind: 'restored', summary: restored.result?.summary ?? '' };
  const details = restored.kind === 'done' ? restored.result?.details : undefined;
  const said = undone.kind === 'restored' ? undone.summary : undone.why;
  const options = { ...CONTROL_ACTIVITY, summary: `Write down the undo: ${said}` };
  await control.undone.executeWithOptions(options, [
    { plan, step: index, undo: undone, ...(details === undefined ? {} : { details }) },
  ]);
  return undone;
}

/** What the step would do, and what verify would wait for. */
async function foretell(run: RungRun, before: Snapshot): Promise<RungResult> {
  const { plan, index } = run;
  const label = labelOf(run);
  const endedAt = Date.now();
  if (!patched('foretell')) return { kind: 'foretold', why: `would ${label}`, endedAt };
  const options = { ...CONTROL_ACTIVITY, summary: `Dry run: what ${label} would do` };
  const { would } = await control.foretell.executeWithOptions(options, [
    { plan, step: index, before },
  ]);
  return { kind: 'foretold', why: would, endedAt };
}

/** Tells people; it touches no runtime, and waits for nobody. */
async function tell({ plan, index, desk }: RungRun): Promise<RungResult> {
  const calledOff = await desk.calledOff(false);
  if (calledOff !== null) return stopped(calledOff);
  const options = { ...CONTROL_ACTIVITY, summary: `Tell people about ${plan.resource}` };
  const { summary } = await control.notify.executeWithOptions(options, [{ plan, step: index }]);
  return { kind: 'told', why: summary, endedAt: Date.now() };
}

/** The runtime refused, or nobody can tell, or it was called off before it began. */
function withoutEffect(ending: Ending): RungResult {
  const { outcome, reason: why } = ending;
  if (outcome === 'cancelled') return stopped(ending);
  const endedAt = Date.now();
  return outcome === 'inconclusive'
    ? { kind: 'inconclusive', why, endedAt }
    : { kind: 'failed', why, undo: { kind: 'no_effect' }, endedAt };
}

/** It may not begin, or a person called it off. */
export function stopped({
  reason,
  isCalledOff = false,
}: Pick<Ending, 'reason' | 'isCalledOff'>): RungResult {
  return { kind: 'stopped', why: reason, isCalledOff, endedAt: Date.now() };
}

/** The run's current details in Temporal's Web UI. */
export function show(plan: ActionPlan, now: string): void {
  const cause =
    plan.policy === null ? `asked for by **${plan.requestedBy}**` : `**${plan.policy}**`;
  setCurrentDetails(
    `### ${plan.steps.map((s) => s.action).join(' → ')} ${plan.resource}\n\n${cause}: ${plan.reason}\n\n${now}`,
  );
}
