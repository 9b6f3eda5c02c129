import type { PolicyTarget, Share } from './policy/policy';
import { resourceKey } from './resource';

/** Resources that share limits: no more of them may be down at once than these say. A resource may be in several. */
export interface Group {
  /** `namespace/name`. */
  key: string;
  namespace: string;
  name: string;
  members: PolicyTarget;
  limits: GroupLimits;
  /** When so many fail together that the cause is elsewhere; null: never. */
  storm: Storm | null;
}

export interface GroupLimits {
  /** Nothing is started that would leave more of them unhealthy (firing, acting or unknown). */
  maxUnhealthy?: Share;
  /** Actions are allowed only while so many are unhealthy, both ends included. */
  unhealthyRange?: { min: number; max: number };
  /** How many may be acted on at once, whatever policy asks. */
  maxConcurrent?: Share;
}

/** Open while at least `members` of the group began to fail within the last `withinMs`. */
export interface Storm {
  members: Share;
  withinMs: number;
}

/** How many of `total` a share is; a percentage rounds down. */
export function shareOf(share: Share, total: number): number {
  return share.kind === 'count' ? share.count : Math.floor((share.percent * total) / 100);
}

/** The group that `spec.hosts` makes of a Service's members, without limits of its own. */
export function implicitGroup(namespace: string, service: string): Group {
  return {
    ...{ key: resourceKey(namespace, service), namespace, name: service },
    ...{ members: { name: service, labels: {} }, limits: {}, storm: null },
  };
}
