import type { Pool, PoolClient } from 'pg';
import { isDatabaseAway } from '../storage/away';
import { inTransaction } from '../storage/database';
import {
  deleteVerdicts,
  lockVerdicts,
  nextVersions,
  pairsUnderWay,
  saveVerdicts,
  type PairKey,
  type StoredVerdict,
} from '../storage/verdicts';
import { announce } from './announce';
import { leftTrue, type Edge } from './edges';
import { pairKey } from './pairs';

/** An edge that is in the table. */
export interface Committed {
  edge: Edge;
  stored: StoredVerdict;
  isSent: boolean;
}

/**
 * Writes edges with what their workflows are to hear, in one transaction. Edges of one resource
 * belong together and share a version.
 */
export async function commitEdges(
  pool: Pool,
  edges: readonly Edge[],
  now: number,
): Promise<Committed[]> {
  return inTransaction(pool, async (db) => {
    await lockVerdicts(db);
    const versions = await versionsFor(
      db,
      edges.map(({ row }) => row.resource),
    );
    const underWay = await underWayOf(db, edges, now);
    const committed = edges.map((edge): Committed => {
      const { row, sends } = edge;
      const isSent =
        sends === 'always' ||
        (sends === 'ifUnderWay' && underWay.has(pairKey(row.resource, row.policy)));
      const clearedAt = row.clearedAt ?? edge.pair.stored?.clearedAt ?? null;
      const version = versions.get(row.resource) ?? 0;
      return { edge, isSent, stored: { ...row, clearedAt, version } };
    });
    await saveVerdicts(
      db,
      committed.map(({ stored }) => stored),
    );
    const heard = new Map<string, string | null>();
    for (const { edge, isSent } of committed) {
      if (isSent) heard.set(edge.row.resource, heard.get(edge.row.resource) ?? edge.correlationId);
    }
    await announce(db, announcementsOf(heard, versions, true), now);
    return committed;
  });
}

/** As commitEdges; edges that the database refuses do not hold up those of other resources. */
export async function commitEdgesApart(
  pool: Pool,
  edges: readonly Edge[],
  options: { now: number; onRefused: (edges: readonly Edge[], error: unknown) => void },
): Promise<Committed[]> {
  try {
    return await commitEdges(pool, edges, options.now);
  } catch (error) {
    if (isDatabaseAway(error)) throw error;
    const resources = [...new Set(edges.map(({ row }) => row.resource))];
    if (resources.length === 1) {
      options.onRefused(edges, error);
      return [];
    }
    const committed: Committed[] = [];
    for (const resource of resources) {
      const own = edges.filter(({ row }) => row.resource === resource);
      committed.push(...(await commitEdgesApart(pool, own, options)));
    }
    return committed;
  }
}

/** Removes verdicts of pairs that are gone, and tells the workflows that may still be busy with one. */
export async function commitGone(
  pool: Pool,
  gone: readonly StoredVerdict[],
  now: number,
): Promise<void> {
  if (gone.length === 0) return;
  await inTransaction(pool, async (db) => {
    await lockVerdicts(db);
    const underWay = await pairsUnderWay(db, gone, now);
    const removed = keysOf(await deleteVerdicts(db, gone));
    const told = [
      ...gone.filter((row) => row.verdict === 'true' || leftTrue(row)),
      ...underWay,
    ].filter(({ resource, policy }) => removed.has(pairKey(resource, policy)));
    const versions = await versionsFor(
      db,
      told.map(({ resource }) => resource),
    );
    const heard = new Map(told.map(({ resource }) => [resource, null]));
    await announce(db, announcementsOf(heard, versions, false), now);
  });
}

function announcementsOf(
  heard: ReadonlyMap<string, string | null>,
  versions: ReadonlyMap<string, number>,
  starts: boolean,
): Parameters<typeof announce>[1] {
  return [...heard].map(([resource, correlationId]) => ({
    resource,
    version: versions.get(resource) ?? 0,
    starts,
    correlationId,
  }));
}

async function versionsFor(
  db: PoolClient,
  resources: readonly string[],
): Promise<Map<string, number>> {
  const distinct = [...new Set(resources)];
  const versions = await nextVersions(db, distinct.length);
  return new Map(distinct.map((resource, i) => [resource, versions[i] ?? 0]));
}

async function underWayOf(
  db: PoolClient,
  edges: readonly Edge[],
  now: number,
): Promise<Set<string>> {
  const asked = edges.filter(({ sends }) => sends === 'ifUnderWay').map(({ row }) => row);
  return keysOf(await pairsUnderWay(db, asked, now));
}

function keysOf(pairs: readonly PairKey[]): Set<string> {
  return new Set(pairs.map(({ resource, policy }) => pairKey(resource, policy)));
}
