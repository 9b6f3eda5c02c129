import type { Condition } from '../../domain/policy/ast';
import type { Policy } from '../../domain/policy/policy';
import { parseCondition } from '../../language/expression/parser';
import type { ManifestObject } from '../../storage/manifests';
import { policy, service } from './manifest-objects';

/** Quick enough for a test, and still a real wait on fresh samples. */
export const FAST_VERIFY = { settleMs: 100, stableMs: 200, withinMs: 20_000 };

export function condition(text: string): Condition {
  const parsed = parseCondition(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.condition;
}

/** A Service that nothing repairs by itself, and a policy on it. */
export function watched(
  name: string,
  text: string,
  changes: Partial<Policy> = {},
): [ManifestObject, ManifestObject] {
  return [
    service(name, { sync: { mode: 'detect', cooldownMs: 1000 } }),
    policy(`${name}-policy`, {
      target: { name, labels: {} },
      condition: condition(text),
      cooldownMs: 60_000,
      verify: FAST_VERIFY,
      ...changes,
    }),
  ];
}
