import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import { severityRank, type Severity } from '../../domain/policy/policy';
import { query } from '../../storage/database';

const LOOK_MS = 100;
/** How long a request may take from being written to being committed. */
const SLACK_MS = 100;

export interface Grant {
  actionId: string;
  token: number;
  /** When its admission transaction began, epoch ms. */
  at: number;
}

/** What became of every action. Times are epoch ms. */
export interface Course {
  grants: Grant[];
  /** By action id. */
  requests: Map<string, { severity: Severity; since: number; writtenAt: number }>;
  recordedAt: number[];
  waitedMs: number[];
}

export interface SlotWatch {
  /** Every slot that was seen; each is held for longer than a look takes. */
  grants: () => Grant[];
  /** The most that were held at one look. */
  most: () => number;
  stop: () => Promise<void>;
}

/** Looks at the slots all the time. */
export function watchSlots(pool: Pool): SlotWatch {
  const seen = new Map<string, Grant>();
  const state = { isStopped: false, most: 0 };
  const watching = (async () => {
    while (!state.isStopped) {
      const rows = await query<Grant & Record<string, unknown>>(
        pool,
        'select action_id as "actionId", token, granted_at as at from slots',
      );
      state.most = Math.max(state.most, rows.length);
      for (const row of rows) seen.set(row.actionId, row);
      await pause(LOOK_MS);
    }
  })();
  return {
    grants: () => [...seen.values()],
    most: () => state.most,
    async stop() {
      state.isStopped = true;
      await watching;
    },
  };
}

export async function loadCourse(pool: Pool, grants: Grant[]): Promise<Course> {
  const rows = await query<{
    id: string;
    severity: Severity;
    since: number;
    writtenAt: number;
    recordedAt: number;
  }>(
    pool,
    `select r.action_id as id, r.severity, r.since, r.closed_at as "recordedAt",
            (select max(e.at) from audit_events e where e.action_id = r.action_id
               and e.event = 'requested') as "writtenAt"
       from requests r`,
  );
  const requests = new Map(rows.map(({ id, ...request }) => [id, request]));
  if (grants.length !== requests.size) {
    throw new Error(`${requests.size - grants.length} slots were never seen`);
  }
  return {
    grants,
    requests,
    recordedAt: rows.map(({ recordedAt }) => recordedAt),
    waitedMs: grants.map(({ actionId, at }) =>
      Math.max(0, at - (requests.get(actionId)?.writtenAt ?? at)),
    ),
  };
}

/** Grants that went to a request while a more urgent one had long been waiting. */
export function inversionsIn({ grants, requests }: Course): number {
  return grants.filter((grant) =>
    grants.some(
      (other) =>
        other.token > grant.token &&
        isMoreUrgent(requests, other.actionId, grant.actionId) &&
        (requests.get(other.actionId)?.writtenAt ?? Infinity) + SLACK_MS < grant.at,
    ),
  ).length;
}

function isMoreUrgent(requests: Course['requests'], first: string, second: string): boolean {
  const [a, b] = [requests.get(first), requests.get(second)];
  if (a === undefined || b === undefined) return false;
  const byRank = severityRank(a.severity) - severityRank(b.severity);
  return byRank < 0 || (byRank === 0 && a.since < b.since);
}
