import type { GroupLoad } from '../../../domain/action/group-load';
import type { Severity } from '../../../domain/policy/policy';

/** Six resources in overlapping groups, and two policies that both want every one of them. */

export const RESOURCES: readonly string[] = Array.from({ length: 6 }, (_, i) => `default/m${i}`);

export const GROUPS: Readonly<
  Record<string, Pick<GroupLoad, 'limits' | 'storm'> & { members: readonly string[] }>
> = {
  'default/all': {
    members: RESOURCES,
    limits: { maxUnhealthy: { kind: 'count', count: 5 } },
    storm: { members: { kind: 'count', count: 5 }, withinMs: 20_000 },
  },
  'default/left': {
    members: RESOURCES.slice(0, 4),
    limits: { maxConcurrent: { kind: 'count', count: 2 } },
    storm: null,
  },
  'default/right': {
    members: RESOURCES.slice(2),
    limits: { maxConcurrent: { kind: 'percent', percent: 25 } },
    storm: null,
  },
};

export interface FleetPolicy {
  key: string;
  severity: Severity;
  steps: number;
  forMs: number;
  cooldownMs: number;
  maxConcurrent: number;
  perHour: number;
  attempts: number;
}

export const POLICIES: readonly FleetPolicy[] = [
  {
    ...{ key: 'default/down', severity: 'critical', steps: 1, forMs: 0, cooldownMs: 5000 },
    ...{ maxConcurrent: 2, perHour: 4, attempts: 3 },
  },
  {
    ...{ key: 'default/slow', severity: 'warning', steps: 2, forMs: 3000, cooldownMs: 10_000 },
    ...{ maxConcurrent: 3, perHour: 4, attempts: 3 },
  },
];

export function policyOf(key: string): FleetPolicy {
  const policy = POLICIES.find((one) => one.key === key);
  if (policy === undefined) throw new Error(`no policy ${key}`);
  return policy;
}

export function groupsOf(resource: string): string[] {
  return Object.keys(GROUPS).filter((name) => GROUPS[name]?.members.includes(resource));
}
