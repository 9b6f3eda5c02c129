import {
  condition,
  patched,
  proxyActivities,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { ActionPlan } from '../domain/action/action';
import {
  nextRung,
  rungRecords,
  type Ladder,
  type RungRecord,
  type RungResult,
} from '../domain/action/ladder';
import { CONTROL_ACTIVITY } from './activity-options';
import { awaitApproval, listenForDecisions, type Desk, type Ending } from './approval';
import type { ActionInput } from './contract';
import { climb, show, stopped } from './rung';
import { VIGIL_OUTCOME } from './search-attributes';

const control = proxyActivities<Activities>(CONTROL_ACTIVITY);

/** How the whole action ended, and what became of each of its steps. */
interface ActionEnding extends Ending {
  rungs: RungRecord[];
  fixedBy: number | null;
  isUndoBroken?: boolean;
}

/**
 * One action: approval where it is asked for, then a slot, then its steps, rung by rung, and the
 * outcome recorded with its release.
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

async function run(input: ActionInput, desk: Desk): Promise<ActionEnding> {
  const { plan, hostStartMs } = input;
  let token = input.token;
  if (token === null) {
    show(plan, 'waits for approval');
    const granted = await awaitApproval(plan, desk);
    if (granted.kind === 'ended') return { ...granted.ending, rungs: [], fixedBy: null };
    token = granted.token;
  }
  return climbAll(plan, { token, hostStartMs, desk });
}

/** Tries rung after rung; what comes next, or how it ends, is the ladder's to say. */
async function climbAll(
  plan: ActionPlan,
  hands: { token: number; hostStartMs: number | undefined; desk: Desk },
): Promise<ActionEnding> {
  const ladder = ladderOf(plan);
  const results: RungResult[] = [];
  for (;;) {
    const next = nextRung(ladder, results, Date.now());
    if (next.kind === 'end') {
      const { outcome, reason, fixedBy, isCalledOff, isUndoBroken } = next;
      const rungs = rungRecords(ladder, results);
      return { outcome, reason, fixedBy, isCalledOff, isUndoBroken, rungs };
    }
    const { index } = next;
    const step = plan.steps[index] ?? { action: '', params: {} };
    if (next.kind === 'wait') {
      const summary = `Rung ${index + 1}, ${step.action}, not before its time`;
      show(plan, `waits for rung ${index + 1} (${step.action})`);
      const calledOff = await hands.desk.rest(next.until, summary);
      if (calledOff !== null) results.push(stopped(calledOff));
      continue;
    }
    results.push(await climb({ plan, index, step, ...hands }));
  }
}

function ladderOf({ policy, steps, dryRun }: ActionPlan): Ladder {
  // Before ladders, every step of a policy had to succeed.
  const isLadder = policy !== null && (steps.length <= 1 || patched('ladder'));
  return { steps, isList: !isLadder, isDryRun: dryRun };
}
