import type { Policy } from '../domain/policy/policy';
import { listAudit, type AuditRow } from '../storage/audit-read';
import { ANY_DRIFT, listDrift, type DriftRow } from '../storage/drift-read';
import { loadGroupKeys } from '../storage/groups';
import { loadQueued } from '../storage/holds';
import { listPauses, type PauseRow } from '../storage/pauses';
import { loadEpisodesOf, type EpisodeRow } from '../storage/policies';
import type { ResourceRow } from '../storage/resources';
import type { PolicyStatus } from '../workflows/contract';
import { assessPolicies, disabledPolicies, type Assessed } from './assessment';
import { queryStatus, type StatusAnswer } from './commands';
import type { ApiDeps } from './deps';

/** Why Vigil does something about a resource, or nothing: every home of a truth asked once. Times in epoch ms. */
export interface Why {
  resource: ResourceRow;
  now: number;
  /** The pauses that cover it. */
  pauses: PauseRow[];
  policies: PolicyWhy[];
  /** What differs from its manifest, newest first; the first few of it. */
  drift: DriftRow[];
  /** Keys of policies that would look at it and are disabled. */
  disabled: string[];
  /** The last ten, newest first. */
  decisions: AuditRow[];
  workflow: StatusAnswer;
}

export interface PolicyWhy {
  policy: string;
  mode: Policy['mode'];
  /** `unknown` while Temporal gives no answer. */
  phase: PolicyStatus['phase'] | 'unknown';
  assessed: Assessed;
  waitsFor: string | null;
  until: number | null;
  held: EpisodeRow['held'];
  episode: number;
  attempts: number;
  /** Null: without limit. */
  maxAttempts: number | null;
  actionId: string | null;
}

const DECISIONS = 10;
const DIFFERENCES = 20;
/** What matters now comes first. */
const PHASE_ORDER = ['acting', 'firing', 'pending', 'unknown', 'cooldown', 'inactive'];

/** Asks the database and the resource's workflow; a Temporal that is away is part of the answer. */
export async function explainResource(deps: ApiDeps, resource: ResourceRow): Promise<Why> {
  const { pool } = deps;
  const key = resource.resource;
  const [assessed, disabled, episodes, queued, groups, pauses, workflow, decisions, drift] =
    await Promise.all([
      assessPolicies(deps, resource),
      disabledPolicies(deps, resource),
      loadEpisodesOf(pool, key),
      loadQueued(pool, key),
      loadGroupKeys(pool, [key]),
      listPauses(pool, deps.now()),
      queryStatus(deps.temporal, key),
      listAudit(
        pool,
        { resource: key, action: null, namespace: null },
        { before: null, limit: DECISIONS },
      ),
      listDrift(
        pool,
        { ...ANY_DRIFT, resource: key, isResolved: false },
        { before: null, limit: DIFFERENCES },
      ),
    ]);
  const service = `${resource.namespace}/${resource.service}`;
  const scopes = ['*', key, service, ...(groups.get(key) ?? [])];
  return {
    resource,
    now: deps.now(),
    pauses: pauses.filter(({ scope }) => scopes.includes(scope)),
    policies: assessed
      .map((one) => explainPolicy(one, resource, { episodes, queued, workflow }))
      .sort((a, b) => PHASE_ORDER.indexOf(a.phase) - PHASE_ORDER.indexOf(b.phase)),
    disabled,
    drift,
    decisions,
    workflow,
  };
}

/** Where what holds a policy, and how far it is, is written down. */
interface Homes {
  episodes: Map<string, EpisodeRow>;
  queued: Map<string, NonNullable<EpisodeRow['held']>>;
  workflow: StatusAnswer;
}

function explainPolicy(
  assessed: Assessed,
  resource: ResourceRow,
  { episodes, queued, workflow }: Homes,
): PolicyWhy {
  const { policy, createdRevision } = assessed;
  const status = statusIn(workflow, policy.key);
  // An episode of an earlier generation is over: the resource or the policy was made again since.
  const generation = Math.max(createdRevision, resource.createdRevision);
  const found = episodes.get(policy.key);
  const episode = found?.generation === generation ? found : null;
  const held = queued.get(policy.key) ?? episode?.held ?? null;
  return {
    policy: policy.key,
    mode: policy.mode,
    ...status,
    assessed,
    held: mayBeHeld(status.phase, assessed) ? held : null,
    episode: episode?.episode ?? 0,
    attempts: episode?.attempts ?? 0,
    maxAttempts: policy.limits.attempts,
  };
}

function mayBeHeld(phase: PolicyWhy['phase'], { verdict }: Assessed): boolean {
  return verdict.verdict !== 'false' && (phase === 'firing' || phase === 'unknown');
}

function statusIn(
  workflow: StatusAnswer,
  policy: string,
): Pick<PolicyWhy, 'phase' | 'waitsFor' | 'until' | 'actionId'> {
  const nothing = { waitsFor: null, until: null, actionId: null };
  if (workflow.kind === 'away') return { phase: 'unknown', ...nothing };
  const found =
    workflow.kind === 'status'
      ? workflow.status.policies.find((one) => one.policy === policy)
      : undefined;
  if (found === undefined) return { phase: 'inactive', ...nothing };
  const { phase, waitsFor, until, actionId } = found;
  return { phase, waitsFor, until, actionId };
}
