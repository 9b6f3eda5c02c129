import type { GateFacts } from '../domain/action/gates';
import { PAUSE_FILE } from '../domain/action/pause';
import type { RequestAnswer } from '../domain/action/resource-state';
import type { LinkMaker } from '../domain/approval-link';
import type { Severity, Verdict } from '../domain/policy/policy';
import type { Resource } from '../domain/resource';
import { databaseNow } from '../storage/clock';
import { loadVerdict, type EpisodeKey, type StoredPolicy } from '../storage/decision-facts';
import { linkMaker } from './approval-links';
import type { ActivityDeps } from './deps';
import { hostAway } from './host-presence';
import { verdictNow } from './observation';
import { pausedByFile } from './pause-file';

/** What the control plane knows of one ask. */
export interface Ask {
  resource: Resource;
  stored: StoredPolicy;
  verdict: Verdict & { severity: Severity };
  /** When the present run of true began, epoch ms. */
  since: number;
  /** When it last stopped being true, epoch ms. */
  clearedAt: number | null;
  /** When it changed to or from true, epoch ms. */
  edges: readonly number[];
  /** Why the worker of its host is not there; null when it is. */
  hostAway: string | null;
  filePause: GateFacts['pause'];
  key: EpisodeKey;
  now: number;
  makeLink: LinkMaker | null;
}

/** Everything that a request is decided on and that is read before its transaction. */
export async function lookAt(
  deps: ActivityDeps,
  resource: Resource,
  stored: StoredPolicy,
): Promise<Ask> {
  const now = await databaseNow(deps.pool);
  const { condition } = stored.policy;
  const verdict = await verdictNow(deps.pool, resource, stored.policy, now);
  const seen = await loadVerdict(deps.pool, resource.key, stored.policy.key);
  const isSameRun = seen?.verdict === 'true' && seen.condition_hash === condition.hash;
  return {
    resource,
    stored,
    verdict,
    now,
    since: isSameRun ? Math.min(seen.since, verdict.since) : verdict.since,
    clearedAt: seen?.cleared_at ?? null,
    edges: seen?.edges ?? [],
    hostAway: await awayOf(deps, resource),
    filePause: filePause(deps, resource),
    makeLink: linkMaker(deps),
    key: {
      resource: resource.key,
      policy: stored.policy.key,
      generation: Math.max(resource.createdRevision, stored.createdRevision),
    },
  };
}

/** Why the worker of its host is not there; null: it is, or it is this host. */
export async function awayOf(
  { temporal }: ActivityDeps,
  { host }: Resource,
): Promise<string | null> {
  return host === null ? null : hostAway(temporal, host);
}

/** The pause of this home by a file in it, which holds its own runtimes alone. */
function filePause({ home }: ActivityDeps, { host }: Resource): GateFacts['pause'] {
  const reason = host === null ? pausedByFile(home) : null;
  return reason === null ? null : { scope: `file ${PAUSE_FILE}`, reason, until: null };
}

/** The answer while the condition is not true, or not for long enough; null once it fires. */
export function notFiringYet({ verdict, stored, since, now }: Ask): RequestAnswer | null {
  if (verdict.verdict !== 'true') {
    return { kind: 'not_firing', verdict: verdict.verdict, firesInMs: null };
  }
  const firesInMs = since + stored.policy.condition.forMs - now;
  return firesInMs > 0 ? { kind: 'not_firing', verdict: 'true', firesInMs } : null;
}
