import type { ActionPlan, Hold, Outcome } from '../../../domain/action/action';
import { decideAdmission, type Decision } from '../../../domain/action/admission';
import {
  afterRecorded,
  breakerState,
  CLOSED_BREAKER,
  type Breaker,
} from '../../../domain/action/breaker';
import { afterOutcome, FIRST_EPISODE, type Episode } from '../../../domain/action/episode';
import { openFacts, type GateFacts } from '../../../domain/action/gates';
import type { GroupLoad } from '../../../domain/action/group-load';
import { pauseOf, type Pause } from '../../../domain/action/pause';
import type { Fact } from '../../../domain/action/reduce';
import type { VerdictValue } from '../../../domain/policy/policy';
import { planOf } from '../resource-simulator';
import { GROUPS, groupsOf, policyOf, POLICIES, RESOURCES } from './world';

/**
 * What PostgreSQL holds for a whole fleet, in memory: each function here is one transaction of
 * storage/ or activities/. Decisions are those of the production code.
 */

export interface FleetRequest {
  actionId: string;
  resource: string;
  policy: string;
  episode: number;
  state: 'open' | 'granted' | 'closed';
  plan: ActionPlan;
  since: number;
  createdAt: number;
  outcome: Outcome | null;
  /** What the last admission pass that looked at it said. */
  hold: Hold | null;
  begunAt: number | null;
}

export interface FleetSlot {
  actionId: string;
  target: string;
  policy: string;
  token: number;
  grantedAt: number;
  begunAt: number | null;
}

export interface FleetVerdict {
  verdict: VerdictValue;
  since: number;
  clearedAt: number | null;
  edges: number[];
  revision: number;
}

export interface Message {
  resource: string;
  fact: Fact;
  starts: boolean;
}

export interface FleetDatabase {
  now: number;
  nextToken: number;
  nextVersion: number;
  nextAction: number;
  verdicts: Map<string, FleetVerdict>;
  requests: Map<string, FleetRequest>;
  slots: Map<string, FleetSlot>;
  episodes: Map<string, Episode>;
  /** What holds a policy on a resource that has no request, as `why` shows it. */
  holds: Map<string, Hold>;
  breakers: Map<string, Breaker>;
  fences: Map<string, number>;
  /** By `<action>/<step>`; true once ended. */
  journal: Map<string, boolean>;
  pauses: Map<string, Pause>;
  outbox: Map<string, Message>;
  deliveries: Map<string, { sent: number; sentAt: number; handled: number }>;
  /** Called after each admission pass. */
  onPass: (asked: readonly FleetRequest[], decisions: readonly Decision[]) => void;
}

export function createFleetDatabase(onPass: FleetDatabase['onPass']): FleetDatabase {
  return {
    ...{ now: 1_000_000, nextToken: 1, nextVersion: 1, nextAction: 1, onPass },
    verdicts: new Map(),
    requests: new Map(),
    slots: new Map(),
    episodes: new Map(),
    holds: new Map(),
    breakers: new Map(),
    fences: new Map(),
    journal: new Map(),
    pauses: new Map(),
    outbox: new Map(),
    deliveries: new Map(),
  };
}

export function pairKey(resource: string, policy: string): string {
  return `${resource} ${policy}`;
}

/** The detector's edge: verdict, version and message in one transaction. */
export function writeVerdict(
  db: FleetDatabase,
  { resource, policy }: { resource: string; policy: string },
  verdict: VerdictValue,
): void {
  const key = pairKey(resource, policy);
  const before = db.verdicts.get(key) ?? NEVER_JUDGED;
  if (before.verdict === verdict) return;
  const isEdge = before.verdict === 'true' || verdict === 'true';
  db.verdicts.set(key, {
    verdict,
    since: db.now,
    clearedAt: before.verdict === 'true' ? db.now : before.clearedAt,
    edges: isEdge ? [db.now, ...before.edges].slice(0, 7) : before.edges,
    revision: before.revision,
  });
  // Who froze at unknown has to hear how that ended.
  if (isEdge || (hasLeftTrue(before) && verdict === 'false')) {
    announce(db, resource, { version: db.nextVersion++, starts: verdict === 'true' });
  }
}

const NEVER_JUDGED: FleetVerdict = {
  ...{ verdict: 'unknown', since: 0, clearedAt: null, edges: [], revision: 1 },
};

function hasLeftTrue({ verdict, clearedAt, since }: FleetVerdict): boolean {
  return verdict === 'unknown' && clearedAt !== null && clearedAt >= since;
}

/** Other limits or steps: a new revision of the policy, which every verdict of it tells. */
export function editPolicy(db: FleetDatabase, policy: string): void {
  for (const resource of RESOURCES) {
    const seen = db.verdicts.get(pairKey(resource, policy));
    if (seen === undefined) continue;
    seen.revision += 1;
    if (seen.verdict === 'true') {
      announce(db, resource, { version: db.nextVersion++, starts: true });
    }
  }
}

export function announce(
  db: FleetDatabase,
  resource: string,
  { version, starts }: { version: number; starts: boolean },
): void {
  const verdicts = POLICIES.flatMap(({ key: policy, forMs, severity }) => {
    const seen = db.verdicts.get(pairKey(resource, policy));
    if (seen === undefined) return [];
    const { verdict, since, revision: policyRevision } = seen;
    return [{ policy, policyRevision, verdict, since, forMs, severity, conditionHash: 'h' }];
  });
  enqueue(db, { resource, starts, fact: { kind: 'verdictsChanged', version, verdicts } });
  const handled = db.deliveries.get(resource)?.handled ?? 0;
  db.deliveries.set(resource, { sent: version, sentAt: db.now, handled });
}

/** Keyed like table `outbox`: what coalesces is overwritten, and a start that was asked for stays. */
export function enqueue(db: FleetDatabase, message: Message): void {
  const { fact, resource } = message;
  const action =
    fact.kind === 'slotGranted'
      ? fact.plan.actionId
      : fact.kind === 'actionFinished'
        ? fact.actionId
        : '';
  const key = `${resource} ${fact.kind} ${action}`;
  const starts = message.starts || db.outbox.get(key)?.starts === true;
  db.outbox.set(key, { ...message, starts });
}

export function openRequestOf(
  db: FleetDatabase,
  resource: string,
  policy: string,
): FleetRequest | null {
  const open = [...db.requests.values()].filter(
    (r) => r.resource === resource && r.policy === policy && r.state !== 'closed',
  );
  return open[0] ?? null;
}

export function insertRequest(
  db: FleetDatabase,
  {
    resource,
    policy,
    since,
    episode,
  }: Pick<FleetRequest, 'resource' | 'policy' | 'since' | 'episode'>,
): FleetRequest {
  const actionId = `a${db.nextAction++}`;
  const { severity, steps } = policyOf(policy);
  const revision = db.verdicts.get(pairKey(resource, policy))?.revision ?? 1;
  const plan = {
    ...planOf(actionId, revision),
    ...{ resource, policy, severity, requestedBy: `policy:${policy}` },
    steps: Array.from({ length: steps }, () => ({ action: 'restart', params: {} })),
  };
  const request: FleetRequest = {
    ...{ actionId, resource, policy, episode, plan, since, createdAt: db.now },
    ...{ state: 'open', outcome: null, hold: null, begunAt: null },
  };
  db.requests.set(actionId, request);
  db.holds.delete(pairKey(resource, policy));
  return request;
}

/** One admission pass over everything that waits: storage/admission.ts `admit`. */
export function admit(db: FleetDatabase, own: string | null = null): Decision | null {
  const asked = [...db.requests.values()].filter((r) => r.state === 'open');
  const waiting = asked.map((request) => {
    const { actionId, policy, resource: target, since, plan } = request;
    const { maxConcurrent } = policyOf(policy);
    return {
      ...{ actionId, policy, target, since, severity: plan.severity, maxConcurrent },
      ...sharedFacts(db, { resource: target, policy }),
      ...{ isForced: false, groups: groupsOf(target) },
    };
  });
  const held = [...db.slots.values()];
  const decisions = decideAdmission(waiting, { held, groups: loadsOf(db), now: db.now });
  for (const decision of decisions) {
    const request = db.requests.get(decision.actionId);
    if (request === undefined) continue;
    if (decision.kind === 'queued') request.hold = decision.hold;
    else grant(db, request, decision.actionId === own);
  }
  db.onPass(asked, decisions);
  return decisions.find((d) => d.actionId === own) ?? null;
}

function grant(db: FleetDatabase, request: FleetRequest, isOwn: boolean): void {
  const { actionId, resource: target, policy } = request;
  const token = db.nextToken++;
  const slot = { actionId, target, policy, token, grantedAt: db.now, begunAt: null };
  db.slots.set(actionId, slot);
  request.state = 'granted';
  if (!isOwn) tellGrant(db, request, token);
}

export function tellGrant(db: FleetDatabase, request: FleetRequest, token: number): void {
  const fact: Fact = { kind: 'slotGranted', plan: request.plan, token };
  enqueue(db, { resource: request.resource, starts: true, fact });
}

/** Outcome, episode, breaker, release and the word to the parent, if it is not closed yet. */
export function closeRequest(db: FleetDatabase, request: FleetRequest, outcome: Outcome): void {
  const key = pairKey(request.resource, request.policy);
  const { cooldownMs } = policyOf(request.policy);
  const present = db.episodes.get(key) ?? FIRST_EPISODE;
  db.episodes.set(key, afterOutcome(present, outcome, { now: db.now, cooldownMs }));
  const breaker = db.breakers.get(request.policy) ?? CLOSED_BREAKER;
  db.breakers.set(request.policy, afterRecorded(breaker, outcome, db.now));
  withdraw(db, request, outcome);
}

/** Closes it without any word; what it held is free. */
export function withdraw(db: FleetDatabase, request: FleetRequest, outcome: Outcome): void {
  request.state = 'closed';
  request.outcome = outcome;
  db.slots.delete(request.actionId);
}

export function tellParent(db: FleetDatabase, request: FleetRequest): void {
  const { actionId, policy, resource } = request;
  const episode = db.episodes.get(pairKey(resource, policy));
  const ahead = (time: number | null | undefined): number | null =>
    typeof time === 'number' && time > db.now ? time : null;
  const cooldownUntil = ahead(episode?.cooldownUntil);
  const backoffUntil = cooldownUntil === null ? ahead(episode?.backoffUntil) : null;
  const outcome = request.outcome ?? 'cancelled';
  enqueue(db, {
    resource,
    starts: true,
    fact: { kind: 'actionFinished', actionId, policy, outcome, cooldownUntil, backoffUntil },
  });
}

type Shared = Pick<
  GateFacts,
  'pause' | 'maintenance' | 'outsideSchedule' | 'breaker' | 'dependency' | 'degraded'
>;

function sharedFacts(
  db: FleetDatabase,
  { resource, policy }: { resource: string; policy: string },
): Shared {
  return {
    pause: pauseOf([...db.pauses.values()], { resource, groups: groupsOf(resource) }, db.now),
    breaker: breakerState(db.breakers.get(policy) ?? CLOSED_BREAKER, db.now),
    ...{ maintenance: null, outsideSchedule: null, dependency: null, degraded: null },
  };
}

/** Everything that the gates look at when a policy asks: activities/request-facts.ts. */
export function policyFacts(
  db: FleetDatabase,
  { resource, policy }: { resource: string; policy: string },
  episode: Episode,
): GateFacts {
  const slots = [...db.slots.values()];
  const { attempts, maxConcurrent, perHour } = policyOf(policy);
  const groups = loadsOf(db);
  return {
    ...openFacts(db.now, resource),
    ...sharedFacts(db, { resource, policy }),
    cooldownUntil: episode.cooldownUntil,
    backoffUntil: episode.backoffUntil,
    begun: [...db.requests.values()].flatMap((r) =>
      r.resource === resource && r.policy === policy && r.begunAt !== null ? [r.begunAt] : [],
    ),
    perHour,
    attempts: episode.attempts,
    maxAttempts: attempts,
    edges: db.verdicts.get(pairKey(resource, policy))?.edges ?? [],
    busyWith: slots.find((slot) => slot.target === resource)?.actionId ?? null,
    acting: slots.filter((slot) => slot.policy === policy).length,
    maxConcurrent,
    groups: groupsOf(resource).flatMap((name) => groups.get(name) ?? []),
  };
}

/** Each group with how its members are now: storage/group-loads.ts. */
export function loadsOf(db: FleetDatabase): Map<string, GroupLoad> {
  const targets = new Set([...db.slots.values()].map((slot) => slot.target));
  return new Map(
    Object.entries(GROUPS).map(([key, { members, limits, storm }]) => {
      const acting = new Set(members.filter((m) => targets.has(m)));
      const unhealthy = new Set(members.filter((m) => targets.has(m) || isUnwell(db, m)));
      const onsets = members.flatMap((m) => onsetOf(db, m) ?? []);
      const load = {
        name: key,
        key,
        limits,
        storm,
        members: members.length,
        keys: new Set(members),
      };
      return [key, { ...load, acting, unhealthy, onsets }];
    }),
  );
}

function isUnwell(db: FleetDatabase, resource: string): boolean {
  const seen = verdictsOf(db, resource);
  const isFiring = seen.some(
    ({ policy, verdict, since }) => verdict === 'true' && since + policy.forMs <= db.now,
  );
  return isFiring || (seen.length > 0 && seen.every(({ verdict }) => verdict === 'unknown'));
}

function onsetOf(db: FleetDatabase, resource: string): number | null {
  const since = verdictsOf(db, resource).flatMap((v) => (v.verdict === 'true' ? [v.since] : []));
  return since.length === 0 ? null : Math.min(...since);
}

function verdictsOf(
  db: FleetDatabase,
  resource: string,
): (FleetVerdict & { policy: (typeof POLICIES)[number] })[] {
  return POLICIES.flatMap((policy) => {
    const seen = db.verdicts.get(pairKey(resource, policy.key));
    return seen === undefined ? [] : [{ ...seen, policy }];
  });
}
