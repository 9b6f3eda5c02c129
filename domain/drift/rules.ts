import type { Severity } from '../policy/policy';
import type { FactValue } from './change';

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
  /** Of a file, or of whatever else has an owner: the account that made the difference (`Attribution.by`). */
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
