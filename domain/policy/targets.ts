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
  if (!isAny(name) && !matchesGlob(name, resource.name) && !matchesGlob(name, resource.service))
    return false;
  return Object.entries(labels).every(([label, value]) => resource.labels[label] === value);
}

/** Most targets name nobody: of a large fleet, the letters of every name need not be looked at. */
function isAny(name: string): boolean {
  return name === '*';
}

/**
 * Finds whom a selector means, in the order of `all`. A name without a pattern is looked up, so that a
 * selector for each of ten thousand resources does not look at all of them.
 */
export function indexTargets<Candidate extends TargetCandidate>(
  all: readonly Candidate[],
): (policy: Pick<Policy, 'namespace' | 'target'>) => Candidate[] {
  const found = new Map<string, Candidate[]>();
  const add = (key: string, candidate: Candidate): void => {
    const list = found.get(key);
    if (list === undefined) found.set(key, [candidate]);
    else list.push(candidate);
  };
  for (const candidate of all) {
    const { namespace, name, service } = candidate;
    add(namespace, candidate);
    add(`${namespace}/${name}`, candidate);
    if (service !== name) add(`${namespace}/${service}`, candidate);
  }
  return (policy) => {
    const { namespace, target } = policy;
    const key = /[*?]/.test(target.name) ? namespace : `${namespace}/${target.name}`;
    return (found.get(key) ?? []).filter((candidate) => isTarget(policy, candidate));
  };
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
