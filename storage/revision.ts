import type { AuditEvent } from '../domain/audit';
import type { Expectation, ManifestName, ManifestObject, ManifestProblem } from './manifest-plan';
import type { Pin } from './manifest-sources';

export interface RevisionRequest {
  /** Who owns the objects: `folder:<path>`, `api`, … */
  source: string;
  /** For audit rows: `vigil`, `user:<name>`, `anonymous`. */
  author: string;
  correlationId: string | null;
  /** `replaceSource`: the source's objects that are not among `objects` are deleted. */
  mode: 'replaceSource' | 'upsert';
  objects: readonly ManifestObject[];
  /** Names that are not there are left out. */
  deletions: readonly ManifestName[];
  /** Refused as stale unless that object is at that revision. */
  expected?: Expectation | undefined;
  /** The commit that the objects are read from; `author` is then its author. */
  origin?: RevisionOrigin | null;
  /** Said where it is written although nobody changed a manifest; Vigil does it, not `author`. */
  why?: string;
  /** With `replaceSource`: what would remove more than this share of the source's objects is held. */
  pruneShare?: number;
  /** The objects are those of an earlier revision, which a person asked for: nothing holds them, and they are pinned. */
  rollback?: RollbackWish;
}

export interface RollbackWish {
  revision: number;
  reason: string;
  /** Says what it would do, and does nothing. */
  isDryRun: boolean;
}

/** Where a revision comes from in version control; times in epoch ms. */
export interface RevisionOrigin {
  commit: string;
  ref: string;
  message: string;
  authoredAt: number;
  signedBy?: string;
}

export interface ManifestChange extends ManifestName {
  change: 'created' | 'updated' | 'deleted';
}

export type RevisionResult =
  | {
      kind: 'applied';
      /** Null: nothing changed, so no revision was written. */
      revision: number | null;
      changed: ManifestChange[];
      unchanged: number;
    }
  /** It would remove `count` of the source's `of` objects: nothing is changed until a person allows it. */
  | { kind: 'held'; count: number; of: number }
  /** An earlier revision is pinned: nothing is changed until the source wants something else. */
  | { kind: 'pinned'; pin: Pin }
  | { kind: 'refused'; isStale: boolean; problems: ManifestProblem[] };

export type Applied = Extract<RevisionResult, { kind: 'applied' }>;

/** What the audit rows of a revision have in common. */
export function auditBase(
  source: string,
  actor: string,
  correlationId: string | null,
): Omit<AuditEvent, 'namespace' | 'event' | 'details'> {
  return {
    resource: null,
    policy: null,
    actionId: null,
    step: -1,
    actor,
    door: source === 'api' ? 'api' : 'gitops',
    correlationId,
    policyRevision: null,
  };
}
