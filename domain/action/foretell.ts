import { formatDuration } from '../policy/duration';
import type { Approval, Step, Verification } from '../policy/policy';
import type { Snapshot } from './runtime';

export interface Foretold {
  step: Step;
  resource: string;
  /** What stands before it, and its absolute aim. */
  before: Snapshot;
  /** What verify would ask; null: whether the resource is as its manifest says. */
  condition: string | null;
  verify: Verification;
  /** Of the first step: whose yes would be waited for; null: nobody's. */
  approval: Approval | null;
}

/** What a step of a dry run would do, in one line, and what would be waited for after it. */
export function foretell({ step, resource, before, ...rest }: Foretold): string {
  const { condition, verify, approval } = rest;
  const params = Object.entries(before.aim ?? step.params).map(
    ([name, value]) => `${name}=${String(value)}`,
  );
  const aim = params.length === 0 ? '' : ` (${params.join(', ')})`;
  const stands = before.identity === null ? 'which does not run' : `now ${before.identity}`;
  const later = step.afterMs === undefined ? '' : `, ${formatDuration(step.afterMs)} later,`;
  const asked = approval === null ? '' : `ask ${people(approval)} first, then `;
  return `would${later} ${asked}${step.action} ${resource}${aim}, ${stands}, and then wait ${proof(condition, verify)}`;
}

function people({ required, of, deadlineMs, onDeadline }: Approval): string {
  const who = of === undefined ? '' : ` of ${of.join(', ')}`;
  const count = required === 1 ? '1 person' : `${required} people`;
  return `${count}${who} (${formatDuration(deadlineMs)}, then ${onDeadline})`;
}

function proof(condition: string | null, { settleMs, stableMs, withinMs }: Verification): string {
  const what = condition === null ? 'until nothing differs' : `until it is over: ${condition}`;
  const stable =
    stableMs === null ? 'for 30s and 3 samples' : `for ${formatDuration(stableMs)} on end`;
  return `up to ${formatDuration(withinMs)} ${what}, ${stable}, not counting the first ${formatDuration(settleMs)}`;
}
