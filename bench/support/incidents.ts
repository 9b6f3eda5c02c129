import { setTimeout as pause } from 'node:timers/promises';
import { waitUntil } from '../../cli/up/wait';
import { query } from '../../storage/database';
import type { Bench } from './bench';
import { METRIC } from './manifests';
import type { Stack } from './stack';

const POLL_MS = 50;
const REPORT_MS = 250;
const DEADLINE_MS = 60_000;

/** One incident, in milliseconds since the epoch by this machine's clock. */
export interface Incident {
  resource: string;
  actionId: string;
  /** Before the sample was sent. */
  sentAt: number;
  /** The detector wrote the verdict and its message. */
  verdictAt: number;
  /** `begin` gave the last word before the effect. */
  confirmedAt: number;
  /** `execute` was entered: its line in the journal, written before anything is done. */
  enteredAt: number;
}

/** A stack under test, as what sends samples to it sees it. */
export interface Patient {
  /** Sends one value for each resource, in one request. Resolves when they are stored. */
  report: (resources: readonly string[], value: number) => Promise<void>;
  /** Makes a resource sick; resolves when `execute` was entered. */
  fall: (resource: string) => Promise<Incident>;
  /** Reports it healthy until its action is recorded; throws unless it succeeded. */
  recover: (incident: Pick<Incident, 'resource' | 'actionId'>) => Promise<void>;
  /** Reports resources healthy; resolves when they run and the detector has a verdict of each. */
  settle: (resources: readonly string[]) => Promise<void>;
}

export function createPatient(stack: Stack, { signal }: Pick<Bench, 'signal'>): Patient {
  async function report(resources: readonly string[], value: number): Promise<void> {
    const samples = resources.map((key) => {
      const [namespace, resource] = key.split('/');
      return { name: METRIC, value, tags: { namespace, resource } };
    });
    const response = await fetch(`${stack.apiUrl}/api/v1/ingest`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(samples),
    });
    const text = await response.text();
    if (response.status !== 201) throw new Error(`ingest answers ${response.status}: ${text}`);
  }

  return {
    report,
    async fall(resource) {
      const sentAt = Date.now();
      await report([resource], 1);
      const deadline = sentAt + DEADLINE_MS;
      for (;;) {
        signal.throwIfAborted();
        const found = await findIncident(stack, resource, sentAt);
        if (found !== null) return found;
        if (Date.now() > deadline)
          throw new Error(`nothing was done about ${resource} within 60 s`);
        await pause(POLL_MS);
      }
    },
    async recover({ resource, actionId }) {
      const deadline = Date.now() + DEADLINE_MS;
      for (;;) {
        signal.throwIfAborted();
        await report([resource], 0);
        const outcome = await findOutcome(stack, actionId);
        if (outcome === 'succeeded') return;
        if (outcome !== null) throw new Error(`action ${actionId} ended ${outcome}`);
        if (Date.now() > deadline) throw new Error(`action ${actionId} is not recorded after 60 s`);
        await pause(REPORT_MS);
      }
    },
    async settle(resources) {
      const settled = async (): Promise<void> => {
        await report(resources, 0);
        const count = await countSettled(stack, resources);
        if (count < resources.length) {
          throw new Error(`${resources.length - count} resources do not run or have no verdict`);
        }
      };
      await waitUntil(settled, { deadlineMs: DEADLINE_MS, signal });
    },
  };
}

async function findIncident(
  { pool }: Stack,
  resource: string,
  sentAt: number,
): Promise<Incident | null> {
  const [row] = await query<Omit<Incident, 'resource' | 'sentAt'> & Record<string, unknown>>(
    pool,
    `select r.action_id as "actionId",
       (extract(epoch from d.sent_at) * 1000)::float8 as "verdictAt",
       (extract(epoch from r.begun_at) * 1000)::float8 as "confirmedAt",
       (extract(epoch from j.begun_at) * 1000)::float8 as "enteredAt"
     from requests r
     join journal j using (action_id) join slots s using (action_id)
     join deliveries d on d.resource = r.resource
     where r.resource = $1 and j.begun_at > to_timestamp($2 / 1000.0)`,
    [resource, sentAt],
  );
  return row === undefined ? null : { ...row, resource, sentAt };
}

async function findOutcome({ pool }: Stack, actionId: string): Promise<string | null> {
  const [row] = await query<{ outcome: string | null }>(
    pool,
    'select outcome from actions where action_id = $1 and recorded_at is not null',
    [actionId],
  );
  return row?.outcome ?? null;
}

async function countSettled({ pool }: Stack, resources: readonly string[]): Promise<number> {
  const [row] = await query<{ count: number }>(
    pool,
    `select count(*)::int from states s join verdicts v using (resource)
     where resource = any($1) and s.changes = '[]' and v.verdict = 'false'`,
    [resources],
  );
  return row?.count ?? 0;
}
