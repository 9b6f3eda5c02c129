import type { Severity } from '../policy/policy';
import type { Attribution, FactValue } from './change';
import { matchesPointer, matchesText } from './pointer-glob';

/**
 * What a manifest says of its own drift (`spec.drift`). Paths are JSON pointers of facts whose
 * segments may hold globs: `*` within a segment, `**` for any number of segments.
 */
export interface DriftRules {
  /** Differences that are neither shown as drift nor repaired. */
  ignore: IgnoreRule[];
  /** Facts that somebody else sets; they are not repaired while they are what the owner may make of them. */
  owners: OwnerRule[];
  /** The first that matches says how severe a difference is, before the table of defaults. */
  severity: { path: string; severity: Severity }[];
}

/** At least one of both is given; with both, both must hold. */
export interface IgnoreRule {
  path?: string;
  /** Of a file, or of whatever else has an owner: the account that made the difference (`Attribution.by`); `*` as in paths. */
  owner?: string;
}

export interface OwnerRule {
  path: string;
  /** A word for people: `autoscaler`. */
  owner: string;
  /** Numbers within the range are no drift; beyond it, the nearest bound is desired. Absent: any value is right. */
  min?: number;
  max?: number;
}

/** What an action of Vigil's own set instead of the manifest's value, until it ends. */
export interface Override {
  pointer: string;
  value: FactValue;
  /** Key of the policy that did it; null: a person. */
  policy: string | null;
  /** Epoch ms; null: until the manifest's own value changes, or it is released. */
  until: number | null;
}

/** A fact that is not to be as the manifest says; null: it is not there. */
export interface Settled {
  pointer: string;
  value: FactValue | null;
  /** `observed`: it stays as it is, whatever that is; `owner`: the nearest bound of its owner's range; `override`: Vigil's own. */
  from: 'observed' | 'owner' | 'override';
}

/** A fact with what the manifest wants and what was seen; null: not there, undefined: nobody looked. */
export interface Fact {
  pointer: string;
  desired: FactValue | null;
  observed: FactValue | null | undefined;
  attribution: Attribution | undefined;
}

/** What a fact should be where rules or overrides say something else than the manifest; null: they do not. */
export function settle(
  fact: Fact,
  { rules, overrides }: { rules: DriftRules | undefined; overrides: readonly Override[] },
): Settled | null {
  const { pointer, observed, desired } = fact;
  const owner = ownerOf(fact, rules);
  if (isLeftToOthers(fact, rules)) {
    const kept = asItIs(fact);
    if (kept !== null) return kept;
  }
  const override = overrides.findLast((one) => one.pointer === pointer);
  const number = [observed, override?.value, desired].find((value) => typeof value === 'number');
  if (owner !== null && isBounded(owner) && number !== undefined) {
    return { pointer, value: nearest(number, owner), from: 'owner' };
  }
  return override === undefined ? null : { pointer, value: override.value, from: 'override' };
}

/** Whether somebody else may make of a fact whatever he likes. */
export function isLeftToOthers(
  fact: Pick<Fact, 'pointer' | 'attribution'>,
  rules: DriftRules | undefined,
): boolean {
  const owner = ownerOf(fact, rules);
  return isIgnored(fact, rules) || (owner !== null && !isBounded(owner));
}

function ownerOf(
  { pointer }: Pick<Fact, 'pointer'>,
  rules: DriftRules | undefined,
): OwnerRule | null {
  return rules?.owners.find(({ path }) => matchesPointer(path, pointer)) ?? null;
}

function isBounded({ min, max }: OwnerRule): boolean {
  return min !== undefined || max !== undefined;
}

/** What nobody saw cannot be kept; but a file is left alone without knowing what it is. */
function asItIs({ pointer, observed }: Fact): Settled | null {
  const isFile = /^\/config(-mode|-owner)?\//.test(pointer);
  if (observed === undefined && !isFile) return null;
  return { pointer, value: observed ?? null, from: 'observed' };
}

function isIgnored(
  { pointer, attribution }: Pick<Fact, 'pointer' | 'attribution'>,
  rules: DriftRules | undefined,
): boolean {
  return (rules?.ignore ?? []).some(
    ({ path, owner }) =>
      (path !== undefined || owner !== undefined) &&
      (path === undefined || matchesPointer(path, pointer)) &&
      (owner === undefined || mayBeOf(owner, attribution)),
  );
}

/** A file whose owner could not be found out may be anybody's, and is let alone meanwhile. */
function mayBeOf(owner: string, attribution: Attribution | undefined): boolean {
  if (attribution === undefined) return false;
  const { by, from } = attribution;
  return by === null ? from === 'file' : matchesText(owner, by);
}

/** The number itself within the bounds, else the bound that it is nearest to. */
function nearest(
  value: number,
  { min = -Infinity, max = Infinity }: { min?: number; max?: number },
): number {
  return Math.min(Math.max(value, min), max);
}
