import type { ObservedState } from '../action/runtime';
import type { ServiceSpec } from '../resource';
import type { Severity } from '../policy/policy';
import type { Change, FactValue } from './change';
import { desiredFacts, groupOf, observedFacts, type Facts, type Sha256 } from './normalise';

/** How a Service differs from its manifest, in the order of the pointers; empty when it does not. */
export function driftOf(spec: ServiceSpec, observed: ObservedState, sha256: Sha256): Change[] {
  if (observed.isUnseen === true) return [];
  return diff(desiredFacts(spec, sha256), observedFacts(observed));
}

/** Every fact that is missing, extra or changed; `diff(x, x)` is empty. Groups that either side did not see are left out. */
export function diff(desired: Facts, observed: Facts): Change[] {
  const pointers = new Set([...desired.values.keys(), ...observed.values.keys()]);
  return [...pointers]
    .filter((pointer) => isSeen(desired, pointer) && isSeen(observed, pointer))
    .sort()
    .flatMap((pointer) => changeAt(pointer, desired, observed));
}

function isSeen(facts: Facts, pointer: string): boolean {
  return !facts.unseen.has(groupOf(pointer));
}

function changeAt(pointer: string, desired: Facts, observed: Facts): Change[] {
  const wanted = desired.values.get(pointer) ?? null;
  const found = observed.values.get(pointer) ?? null;
  if (isEqual(wanted, found)) return [];
  const kind = found === null ? 'missing' : wanted === null ? 'extra' : 'changed';
  return [{ pointer, kind, desired: wanted, observed: found, severity: severityOf(pointer) }];
}

/** A workload that does not run is down; one that runs differently only may be wrong. */
function severityOf(pointer: string): Severity {
  return groupOf(pointer) === 'running' ? 'critical' : 'warning';
}

function isEqual(a: FactValue | null, b: FactValue | null): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
