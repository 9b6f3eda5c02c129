import type { Resource } from '../resource';
import type { Policy } from './policy';

/** What of a resource a policy's target looks at. */
export type TargetCandidate = Pick<Resource, 'namespace' | 'name' | 'service' | 'labels'>;

/** Whether the policy speaks of that resource: same namespace, name or Service by glob, labels included. */
export function isTarget(
  policy: Pick<Policy, 'namespace' | 'target'>,
  resource: TargetCandidate,
): boolean {
  if (policy.namespace !== resource.namespace) return false;
  const { name, labels } = policy.target;
  if (!matchesGlob(name, resource.name) && !matchesGlob(name, resource.service)) return false;
  return Object.entries(labels).every(([label, value]) => resource.labels[label] === value);
}

/** `*` stands for any characters, `?` for one. Linear, so that no pattern can stall the caller. */
export function matchesGlob(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p;
      resume = t;
      p += 1;
    } else if (pattern[p] === '?' || pattern[p] === text[t]) {
      p += 1;
      t += 1;
    } else if (star >= 0) {
      resume += 1;
      t = resume;
      p = star + 1;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(p));
}
