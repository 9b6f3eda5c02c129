import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { ActionPlan } from '../../domain/action/action';
import type { Group } from '../../domain/group';
import type { Severity } from '../../domain/policy/policy';
import { inTransaction } from '../../storage/database';
import { refreshMembers } from '../../storage/groups';
import { applyRevision, type ManifestObject } from '../../storage/manifests';
import { insertRequest } from '../../storage/requests';
import { serviceSpec } from './manifest-objects';
import { writeDefinition } from './definitions';

/** Requests as the resource workflow's activity writes them, for tests of admission alone. */

export interface Asked {
  target: string;
  policy?: string | null;
  severity?: Severity;
  since?: number;
  maxConcurrent?: number | null;
  forced?: boolean;
  /** Tells requests of one (policy, resource) apart. */
  episode?: number;
}

/** Commits a request that waits for a slot; returns its action id. */
export async function ask(pool: Pool, asked: Asked): Promise<string> {
  const { policy = 'default/p', severity = 'warning', maxConcurrent = 1 } = asked;
  const plan: ActionPlan = {
    actionId: randomUUID(),
    ...{ resource: asked.target, namespace: 'default', policy, policyRevision: 1, severity },
    spec: serviceSpec(),
    steps: [{ action: 'restart', params: {} }],
    verify: { settleMs: 0, stableMs: 0, withinMs: 1000 },
    ...{ approval: null, dryRun: false, requestedBy: 'test', reason: 'test', correlationId: null },
  };
  await inTransaction(pool, (db) =>
    insertRequest(db, {
      plan,
      generation: 1,
      episode: asked.episode ?? 1,
      since: asked.since ?? Date.now(),
      maxConcurrent,
      forced: asked.forced ?? false,
      state: 'open',
      waiter: `resource/${asked.target}`,
    }),
  );
  return plan.actionId;
}

/** A Group as its manifest's revision would leave it, memberships included. */
export async function putGroup(pool: Pool, name: string, changes: Partial<Group>): Promise<void> {
  const group: Group = {
    ...{ key: `default/${name}`, namespace: 'default', name, limits: {}, storm: null },
    members: { name: '*', labels: {} },
    ...changes,
  };
  await inTransaction(pool, async (db) => {
    await writeDefinition(db, 'Group', group);
    await refreshMembers(db);
  });
}

export async function apply(pool: Pool, ...objects: ManifestObject[]): Promise<void> {
  const result = await applyRevision(pool, {
    ...{ source: 'test', author: 'vigil', correlationId: null, mode: 'upsert' },
    ...{ objects, deletions: [] },
  });
  if (result.kind !== 'applied') throw new Error(JSON.stringify(result));
}
