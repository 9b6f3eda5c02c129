import type { Assessment } from '../domain/policy/evaluate';
import type { Severity } from '../domain/policy/policy';
import type { StoredVerdict } from '../storage/verdicts';
import type { Pair } from './pairs';

/** A change of verdict, on its way into the table. */
export interface Edge {
  pair: Pair;
  /** `version` is given when it is written. */
  row: Omit<StoredVerdict, 'version'>;
  /** The workflow hears it: `ifUnderWay` only when a request or an episode of the pair is not over. */
  sends: 'always' | 'ifUnderWay' | 'never';
  correlationId: string | null;
}

/** A verdict with how severe it is. */
export interface Judged extends Assessment {
  severity: Severity;
}

/** What of a new verdict is worth writing down, and who hears it; null: nothing changed. */
export function edgeOf(
  pair: Pair,
  judged: Judged,
  { now, correlationId }: { now: number; correlationId: string | null },
): Edge | null {
  const { stored, policy } = pair;
  const { condition } = policy.policy;
  const isNewRevision = stored?.policyRevision !== policy.revision;
  if (!isNewRevision && !isNews(stored, judged)) return null;
  const { verdict, since, severity } = judged;
  const evidence = judged.evidence();
  return {
    pair,
    correlationId,
    sends: audience(stored, judged, isNewRevision),
    row: {
      resource: pair.resource.key,
      policy: policy.policy.key,
      verdict,
      since,
      value: evidence[0]?.value ?? null,
      evidence,
      clearedAt: clearedAt(stored, judged, { now, conditionHash: condition.hash }),
      severity,
      policyRevision: policy.revision,
      conditionHash: condition.hash,
      updatedAt: now,
    },
  };
}

function isNews(stored: StoredVerdict, judged: Judged): boolean {
  const { verdict, severity } = judged;
  if (stored.verdict !== verdict || isNewRun(stored, judged)) return true;
  if (verdict === 'true' && stored.severity !== severity) return true;
  // Why nothing is known is worth storing; known values change all the time.
  return verdict === 'unknown' && stored.evidence[0]?.reason !== judged.evidence()[0]?.reason;
}

/** True, false and true again between two looks: the condition's `for` starts over. */
function isNewRun(stored: StoredVerdict, verdict: Pick<Judged, 'verdict' | 'since'>): boolean {
  return verdict.verdict === 'true' && verdict.since > stored.since;
}

/** Only changes to or from true concern a workflow, and a new revision's first verdict where its phase may not be inactive. */
function audience(
  stored: StoredVerdict | null,
  verdict: Pick<Judged, 'verdict' | 'since'>,
  isNewRevision: boolean,
): Edge['sends'] {
  if (verdict.verdict === 'true' || stored?.verdict === 'true') return 'always';
  if (stored !== null && leftTrue(stored)) {
    // The workflow froze the phase at unknown: it has to hear how that ended.
    if (verdict.verdict === 'false' || isNewRevision) return 'always';
  }
  return isNewRevision ? 'ifUnderWay' : 'never';
}

/** Unknown that came straight from true: the workflow's phase is frozen, not over. */
export function leftTrue({ verdict, since, clearedAt: cleared }: StoredVerdict): boolean {
  return verdict === 'unknown' && cleared !== null && cleared >= since;
}

/** Null: keep what is stored. */
function clearedAt(
  stored: StoredVerdict | null,
  verdict: Pick<Judged, 'verdict' | 'since'>,
  { now, conditionHash }: { now: number; conditionHash: string },
): number | null {
  if (stored?.verdict !== 'true') return null;
  if (verdict.verdict === 'true') return isNewRun(stored, verdict) ? verdict.since : null;
  return stored.conditionHash === conditionHash ? Math.max(verdict.since, stored.since) : now;
}
