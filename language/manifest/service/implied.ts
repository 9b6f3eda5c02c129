import { NOTIFY, type Policy } from '../../../domain/policy/policy';
import { resourceKey, type ResourceName, type ServiceSpec } from '../../../domain/resource';
import { parseCondition } from '../../expression/parser';

const DRIFT = parseCondition('resource_drift > 0 for 5s');

/** The policies that a Service's own fields stand for: a verdict like any other, through the same door. */
export function impliedPolicies(id: ResourceName, spec: ServiceSpec): Policy[] {
  return [...syncPolicy(id, spec), ...healthPolicy(id, spec)];
}

/** `sync: { mode: heal }`: what differs is repaired. */
function syncPolicy(id: ResourceName, { sync }: ServiceSpec): Policy[] {
  if (sync.mode !== 'heal' || !DRIFT.ok) return [];
  return [
    {
      ...named(id, 'sync'),
      condition: DRIFT.condition,
      severity: 'warning',
      steps: [{ action: 'sync', params: {} }],
      cooldownMs: sync.cooldownMs,
      // Giving up would leave the difference standing for ever: it backs off instead.
      limits: { attempts: null, maxConcurrent: 1 },
      approval: sync.approval ?? null,
      verify: { settleMs: 1000, stableMs: 3000, withinMs: 30_000 },
      mode: 'enforce',
      ...(sync.backoffMs !== undefined && { backoffMs: sync.backoffMs }),
    },
  ];
}

/** `healthCheck` with `remediation`: restarted after so many failed checks; with a `threshold` alone, told. */
function healthPolicy(id: ResourceName, { healthCheck, remediation }: ServiceSpec): Policy[] {
  const threshold = remediation?.restartThreshold ?? healthCheck?.threshold;
  if (healthCheck === null || threshold === undefined) return [];
  const condition = parseCondition(`http_up == 0 for ${threshold} attempts`);
  if (!condition.ok) throw new Error('the condition of a health check does not compile');
  return [
    {
      ...named(id, 'health'),
      condition: condition.condition,
      severity: 'critical',
      steps: [{ action: remediation === undefined ? NOTIFY : 'restart', params: {} }],
      cooldownMs: remediation?.cooldownMs ?? 0,
      limits: { attempts: 3, maxConcurrent: 1, perHour: 4 },
      approval: null,
      verify: { settleMs: 10_000, stableMs: null, withinMs: 120_000 },
      mode: 'enforce',
    },
  ];
}

function named(
  { namespace, name }: ResourceName,
  what: string,
): Pick<Policy, 'key' | 'namespace' | 'name' | 'target' | 'impliedBy'> {
  const policyName = `${name}:${what}`;
  return {
    key: resourceKey(namespace, policyName),
    namespace,
    name: policyName,
    target: { name, labels: {} },
    impliedBy: resourceKey(namespace, name),
  };
}
