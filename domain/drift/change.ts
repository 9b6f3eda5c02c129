import type { Severity } from '../policy/policy';

/** missing: desired and not there; extra: there and not desired; changed: another value; version: another release of it. */
export type ChangeKind = 'missing' | 'extra' | 'changed' | 'version';

/** What a fact's value can be; a secret reference stands for itself. */
export type FactValue = boolean | number | string | readonly string[];

/** One difference between what is desired and what was observed. */
export interface Change {
  /** JSON pointer (RFC 6901) of the fact: `/running`, `/command`, `/env/NAME`, `/config/<path>`, `/image`, `/replicas`. */
  pointer: string;
  kind: ChangeKind;
  /** Null when not desired. */
  desired: FactValue | null;
  /** Null when not there. */
  observed: FactValue | null;
  severity: Severity;
}
