import type { PolicyKey, Severity } from './policy/policy';
import type { ResourceKey } from './resource';

export const NOTICE_KINDS = [
  'held',
  'attempts_exhausted',
  'breaker_open',
  'storm_open',
  'inconclusive',
  'approval_wanted',
  'demoted',
  'drift',
  'prune_held',
  'policy',
  'test',
] as const;
/** Why people are told: one of the standing reasons, a policy's step `notify`, or to try a channel. */
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** Something people are to be told of. Channels tell it; no action ever waits for that. */
export interface Notice {
  kind: NoticeKind;
  /** Notices of one key are one incident: told once, until one with `isResolved` ends it. */
  key: string;
  namespace: string;
  resource: ResourceKey | null;
  policy: PolicyKey | null;
  actionId: string | null;
  severity: Severity;
  /** One line. */
  title: string;
  /** What a person needs to know to decide; several lines. */
  text: string;
  isResolved: boolean;
  /** The one channel that tells it; absent or null: those that the routes name. */
  channel?: string | null;
  /** A writer that may be tried again names what it tells; the same name is written once. */
  once?: string;
}

/** Kinds that something of the policy ends; of a manual action nothing does. */
const OF_A_POLICY: readonly NoticeKind[] = ['policy', 'inconclusive'];

/** False: a single word that nothing ends, like a test or what a manual action has to say. */
export function isIncident({ kind, policy }: Pick<Notice, 'kind' | 'policy'>): boolean {
  return kind !== 'test' && !(policy === null && OF_A_POLICY.includes(kind));
}
