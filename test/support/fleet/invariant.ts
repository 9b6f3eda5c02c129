import type { Decision } from '../../../domain/action/admission';
import { GATES } from '../../../domain/action/gates';
import { shareOf } from '../../../domain/group';
import { severityRank } from '../../../domain/policy/policy';
import type { FleetRequest } from './database';
import { stateOf, type Fleet } from './fleet';
import { GROUPS, groupsOf, POLICIES, RESOURCES } from './world';

/** What must hold after every step, whatever happened. */
export function expectInvariant(fleet: Fleet): void {
  expectLimits(fleet);
  expectFenced(fleet);
  expectReasons(fleet);
}

/** Never more than K of a group or policy, never two on one target, never two requests of a pair. */
function expectLimits({ db }: Fleet): void {
  const slots = [...db.slots.values()];
  const targets = slots.map(({ target }) => target);
  expectUnique(targets, 'actions on one target');
  for (const { key, maxConcurrent } of POLICIES) {
    const acting = slots.filter(({ policy }) => policy === key).length;
    if (acting > maxConcurrent) throw new Error(`${acting} slots of ${key}`);
  }
  for (const [name, { members, limits }] of Object.entries(GROUPS)) {
    if (limits.maxConcurrent === undefined) continue;
    const acting = targets.filter((target) => members.includes(target)).length;
    const allowed = shareOf(limits.maxConcurrent, members.length);
    if (acting > allowed) throw new Error(`${acting} members of ${name} acting`);
  }
  const open = [...db.requests.values()].filter(({ state }) => state !== 'closed');
  expectUnique(
    open.map(({ resource, policy }) => `${resource} ${policy}`),
    'requests of one policy on one resource',
  );
}

/** What is being done now is done with a slot that is still the holder's; and nothing is done twice. */
function expectFenced({ db, things }: Fleet): void {
  for (const { key, actionId, token } of things.underWay.values()) {
    if (db.slots.get(actionId)?.token !== token) throw new Error(`${key} acts without a slot`);
  }
  expectUnique(
    things.effects.map(({ key }) => key),
    'effects of one step',
  );
}

/** Every held policy has a named gate and words for it. */
function expectReasons(fleet: Fleet): void {
  for (const resource of RESOURCES) {
    for (const { phase } of Object.values(stateOf(fleet, resource)?.policies ?? {})) {
      if (phase.kind !== 'firing' || phase.wait.kind === 'asking') continue;
      const { gate, detail } = phase.wait.hold;
      if (!GATES.includes(gate) || detail === '') throw new Error(`${resource}: held by nothing`);
    }
  }
}

/** A pass says of each request what becomes of it, and none overtakes a more urgent one of its like. */
export function expectFairPass(
  asked: readonly FleetRequest[],
  decisions: readonly Decision[],
): void {
  const byId = new Map(decisions.map((decision) => [decision.actionId, decision]));
  if (byId.size !== asked.length) throw new Error('a request was left out');
  for (const first of asked) {
    const decision = byId.get(first.actionId);
    if (decision?.kind !== 'queued') continue;
    if (decision.hold.detail === '') throw new Error('queued without a reason');
    // What holds only itself lets others of its like pass.
    if (['target_busy', 'blast_radius', 'paused'].includes(decision.hold.gate)) continue;
    const overtaker = asked.find(
      (second) => isLike(first, second) && byId.get(second.actionId)?.kind === 'granted',
    );
    if (overtaker !== undefined)
      throw new Error(`${overtaker.actionId} overtook ${first.actionId}`);
  }
}

/** Less urgent, and asks the same policy and the same groups. */
function isLike(first: FleetRequest, second: FleetRequest): boolean {
  const byRank = severityRank(first.plan.severity) - severityRank(second.plan.severity);
  return (
    first.policy === second.policy &&
    groupsOf(first.resource).join() === groupsOf(second.resource).join() &&
    (byRank < 0 || (byRank === 0 && first.since < second.since))
  );
}

function expectUnique(items: readonly string[], what: string): void {
  const twice = items.find((item, at) => items.indexOf(item) !== at);
  if (twice !== undefined) throw new Error(`two ${what}: ${twice}`);
}
