import type { Pool } from 'pg';
import type { ResourceKey } from '../../domain/resource';
import type { Logger } from '../../platform/logger';
import { findObserved, listObserved, type ObservedResource } from '../../storage/states';
import type { Schedule } from './schedule';

/** What was not heard of by notification is found after this. */
const RELIST_MS = 30_000;
const RETRY_MS = 1_000;

export interface ResourceList {
  /** To read this resource anew and to look at it, because somebody asks or something changed. */
  ask: (resource: ResourceKey) => void;
  /** To read all of them anew. */
  askAll: () => void;
  /** Reads what was asked for into the schedule. Errors are logged once and tried again, never thrown. */
  refresh: () => Promise<void>;
  /** When there is something to be read, in epoch ms. */
  dueAt: () => number;
}

/** The resources of one host (null: the control host), as the database has them. */
export function createResourceList(options: {
  pool: Pool;
  host: string | null;
  schedule: Schedule;
  logger: Logger;
  now: () => number;
  /** Before the schedule has them. */
  onFound: (found: readonly ObservedResource[]) => Promise<void>;
  /** It has no manifest any more, or is another host's. */
  onGone: (resource: ResourceKey) => void;
}): ResourceList {
  const { pool, host, schedule, logger, now } = options;
  let asked = new Set<ResourceKey>();
  let allAt = -Infinity;
  let isAway = false;
  let retryAt = -Infinity;

  async function read(keys: readonly ResourceKey[], isFull: boolean): Promise<void> {
    const found = isFull ? await listObserved(pool, host) : await findObserved(pool, host, keys);
    await options.onFound(found);
    const gone = isFull ? schedule.replace(found, now()) : schedule.update(keys, found, now());
    for (const key of gone) options.onGone(key);
    for (const key of keys) schedule.stir(key, now());
  }

  return {
    ask: (resource) => asked.add(resource),
    askAll() {
      allAt = -Infinity;
    },
    async refresh() {
      const isFull = now() >= allAt;
      if (now() < retryAt || (!isFull && asked.size === 0)) return;
      const keys = [...asked];
      asked = new Set();
      if (isFull) allAt = now() + RELIST_MS;
      try {
        await read(keys, isFull);
        isAway = false;
      } catch (error) {
        if (!isAway) logger.warn({ err: error }, 'resources cannot be listed, trying again');
        isAway = true;
        retryAt = now() + RETRY_MS;
        if (isFull) allAt = -Infinity;
        for (const key of keys) asked.add(key);
      }
    },
    dueAt: () => Math.max(retryAt, asked.size > 0 ? -Infinity : allAt),
  };
}
