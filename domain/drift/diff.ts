import type { ObservedState } from '../action/runtime';
import type { ServiceSpec } from '../resource';
import type { Change, ChangeKind, FactValue } from './change';
import { isSameImage, isSameRepository } from './image';
import {
  desiredFacts,
  groupOf,
  isReported,
  observedFacts,
  type Facts,
  type Sha256,
} from './normalise';
import { settle, type DriftRules, type Override, type Settled } from './rules';
import { severityOf } from './severity';

export interface DriftInput {
  sha256: Sha256;
  /** Those that have not ended. Absent: none. */
  overrides?: readonly Override[] | undefined;
}

/**
 * How a Service differs from what it should be, in the order of the pointers; empty when it does
 * not. What the manifest's rules ignore or leave to an owner is no difference.
 */
export function driftOf(
  spec: ServiceSpec,
  observed: ObservedState,
  { sha256, overrides }: DriftInput,
): Change[] {
  const desired = desiredFacts(spec, sha256);
  const seen = observedFacts(observed, isReported(spec));
  const settled = settleAll({ desired, seen }, { spec, observed, overrides });
  const values = new Map(desired.values);
  for (const { pointer, value } of settled) values.set(pointer, value);
  const { attribution = {} } = observed;
  return diff({ ...desired, values }, seen, spec.drift?.severity).map((change) => {
    const known = attribution[change.pointer];
    return known === undefined ? change : { ...change, attribution: known };
  });
}

/** Of every fact that was stated or seen: what it should be instead of what the manifest says. */
export function settleAll(
  { desired, seen }: { desired: Facts; seen: Facts },
  { spec, observed, overrides = [] }: Settling,
): Settled[] {
  const bounded = overrides.map((one) => withinScaling(one, spec));
  const { attribution = {} } = observed;
  const pointers = new Set([...pointersOf(desired, seen), ...overrides.map((one) => one.pointer)]);
  return [...pointers].flatMap((pointer) => {
    if (desired.unseen.has(groupOf(pointer))) return [];
    const fact = {
      pointer,
      desired: desired.values.get(pointer) ?? null,
      observed: isSeen(seen, pointer) ? (seen.values.get(pointer) ?? null) : undefined,
      attribution: attribution[pointer],
    };
    const settled = settle(fact, { rules: spec.drift, overrides: bounded });
    return settled === null ? [] : [settled];
  });
}

export interface Settling {
  spec: ServiceSpec;
  observed: Pick<ObservedState, 'attribution'>;
  overrides?: readonly Override[] | undefined;
}

/** The bounds may have become narrower since it was set. */
function withinScaling(override: Override, { scaling }: ServiceSpec): Override {
  const { pointer, value } = override;
  if (pointer !== '/replicas' || typeof value !== 'number' || scaling === undefined)
    return override;
  return { ...override, value: Math.min(Math.max(value, scaling.min), scaling.max) };
}

/**
 * Every fact that is missing, extra, changed or of another version; `diff(x, x)` is empty. What
 * either side did not see is left out.
 */
export function diff(
  desired: Facts,
  observed: Facts,
  severity: DriftRules['severity'] = [],
): Change[] {
  return pointersOf(desired, observed)
    .filter((pointer) => isSeen(desired, pointer) && isSeen(observed, pointer))
    .sort()
    .flatMap((pointer) => {
      const wanted = desired.values.get(pointer) ?? null;
      const found = observed.values.get(pointer) ?? null;
      if (isSame(pointer, wanted, found)) return [];
      const kind = kindOf(pointer, wanted, found);
      const change = { pointer, kind, desired: wanted, observed: found };
      return [{ ...change, severity: severityOf(change, severity) }];
    });
}

function pointersOf(a: Facts, b: Facts): string[] {
  return [...new Set([...a.values.keys(), ...b.values.keys()])];
}

function isSeen({ values, unseen, partial }: Facts, pointer: string): boolean {
  const group = groupOf(pointer);
  return !unseen.has(group) && (values.has(pointer) || partial?.has(group) !== true);
}

function kindOf(pointer: string, wanted: FactValue | null, found: FactValue | null): ChangeKind {
  if (found === null) return 'missing';
  if (wanted === null) return 'extra';
  const isOther =
    pointer === '/version' ||
    (pointer === '/image' && isSameRepository(String(wanted), String(found)));
  return isOther ? 'version' : 'changed';
}

/** The facts of which two manifests desire something else. */
export function changedPointers(before: ServiceSpec, after: ServiceSpec, sha256: Sha256): string[] {
  const [old, young] = [desiredFacts(before, sha256), desiredFacts(after, sha256)];
  return pointersOf(old, young).filter(
    (one) => !isSame(one, old.values.get(one) ?? null, young.values.get(one) ?? null),
  );
}

/** Whether two values of a fact mean the same. */
export function isSame(pointer: string, a: FactValue | null, b: FactValue | null): boolean {
  if (pointer === '/image' && typeof a === 'string' && typeof b === 'string') {
    return isSameImage(a, b);
  }
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
