import type { PoolClient } from 'pg';
import { markSent } from '../storage/deliveries';
import { enqueueAll, OUTBOX_PRIORITY, type OutboxMessage } from '../storage/outbox';
import { loadVerdictSets } from '../storage/verdicts';
import {
  resourceWorkflowId,
  SIGNALS,
  type VerdictFact,
  type VerdictsChanged,
} from '../workflows/contract';

/** One resource's verdict set on its way to its workflow. */
export interface Announcement {
  resource: string;
  version: number;
  /** Start the workflow where it does not run. */
  starts: boolean;
  correlationId: string | null;
}

/**
 * Writes the full verdict sets to the outbox. The caller's transaction holds the lock of the verdicts
 * and has already changed them.
 */
export async function announce(
  db: PoolClient,
  announcements: readonly Announcement[],
  now: number,
): Promise<void> {
  if (announcements.length === 0) return;
  const sets = await loadVerdictSets(
    db,
    announcements.map(({ resource }) => resource),
  );
  await enqueueAll(
    db,
    announcements.map((announcement) =>
      messageOf(announcement, sets.get(announcement.resource) ?? []),
    ),
  );
  await markSent(db, announcements, now);
}

function messageOf(
  { resource, version, starts, correlationId }: Announcement,
  verdicts: VerdictFact[],
): OutboxMessage {
  const payload: VerdictsChanged = { version, verdicts, correlationId };
  const isFiring = verdicts.some(({ verdict }) => verdict === 'true');
  return {
    workflowId: resourceWorkflowId(resource),
    kind: SIGNALS.verdictsChanged,
    action: '',
    payload,
    starts,
    priority: isFiring ? OUTBOX_PRIORITY.firing : OUTBOX_PRIORITY.pending,
    correlationId,
  };
}
