import { firstHold, openFacts } from '../domain/action/gates';
import { describeDrift, type Recommendation } from '../domain/drift/describe';
import type { ResourceKey } from '../domain/resource';
import {
  loadDependsOn,
  loadDrifting,
  loadRepairs,
  type Drifting,
  type Repair,
} from '../storage/drift-context';
import { loadSharedFacts, type SharedFacts } from '../storage/gate-facts';
import type { ApiDeps } from './deps';

/** What the drift of one resource means. Times in epoch ms. */
export interface DriftMeaning {
  /** Who needs it. */
  impact: ResourceKey[];
  recommended: Recommendation;
  /** Why nothing repairs it now; null: nothing holds it. */
  held: Held | null;
  /** The repair that waits or works. */
  actionId: string | null;
}

export interface Held {
  /** One of the gates, `awaiting_approval`, or `detect_only`: nobody asked Vigil to repair it. */
  gate: string;
  detail: string;
  until: number | null;
}

/** By resource; those without a manifest are left out. */
export async function meaningOf(
  { pool, now }: ApiDeps,
  resources: readonly string[],
): Promise<Map<ResourceKey, DriftMeaning>> {
  if (resources.length === 0) return new Map();
  const at = now();
  const [drifting, dependsOn, repairs] = await Promise.all([
    loadDrifting(pool, resources),
    loadDependsOn(pool),
    loadRepairs(pool, resources),
  ]);
  const claims = [...repairs.values()].map(({ resource, policy }) => ({
    ...{ resource, policy: policy.key },
  }));
  const { of } = await loadSharedFacts(pool, claims, { now: at, isOwnOnly: true });
  return new Map(
    [...drifting.values()].map((one) => {
      const { impact, recommended } = describeDrift(one, one.changes, dependsOn);
      const repair = repairs.get(one.resource) ?? null;
      const shared = repair && of({ resource: repair.resource, policy: repair.policy.key });
      const held = recommended.step === 'nothing' ? null : heldNow(one, repair, { shared, at });
      const actionId = repair?.request?.actionId ?? null;
      return [one.resource, { impact, recommended, held, actionId }];
    }),
  );
}

function heldNow(
  { resource, spec }: Drifting,
  repair: Repair | null,
  { shared, at }: { shared: SharedFacts | null; at: number },
): Held | null {
  if (repair === null || shared === null) {
    const detail = `spec.sync.mode is ${spec.sync.mode}: nothing is repaired unless somebody asks`;
    return { gate: 'detect_only', detail, until: null };
  }
  return requestHold(repair) ?? gateHold(resource, repair, { shared, at });
}

/** What a repair that was asked for already waits for. */
function requestHold({ request }: Repair): Held | null {
  if (request?.state === 'awaiting_approval') {
    const detail = `action ${request.actionId} waits for approval`;
    return { gate: 'awaiting_approval', detail, until: null };
  }
  return request?.held ?? null;
}

/** What would hold a repair if it were asked for now, as far as its own resource says it. */
function gateHold(
  resource: string,
  { policy, episode, edges, request, busyWith }: Repair,
  { shared, at }: { shared: SharedFacts; at: number },
): Held | null {
  if (request?.state === 'granted') return null;
  if (policy.enabled === false) {
    return { gate: 'disabled', detail: `its policy ${policy.key} is disabled`, until: null };
  }
  return firstHold(
    {
      ...openFacts(at, resource),
      ...shared,
      groups: [],
      ...{ edges, busyWith },
      cooldownUntil: episode?.cooldownUntil ?? null,
      backoffUntil: episode?.backoffUntil ?? null,
      attempts: episode?.attempts ?? 0,
      maxAttempts: policy.limits.attempts,
    },
    'resource',
  );
}
