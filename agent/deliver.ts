import { z } from 'zod';
import type { Logger } from '../platform/logger';
import { reasonOf, type RestAnswer } from '../platform/rest-client';
import type { CollectorClient } from './collector-client';
import type { Sample } from './sample';
import type { Spool } from './spool';

const MAX_BATCH = 5_000;

/** Refused for what it holds: the same batch again would be refused again. */
const REFUSED = new Set([400, 413, 422]);

const problemsSchema = z.object({
  detail: z.string().optional(),
  problems: z
    .array(z.object({ index: z.number().int().optional(), field: z.string(), message: z.string() }))
    .default([]),
});

/** `done`: the batch is no longer ours to send. `later`: it is back in the spool. */
export type Delivery =
  { kind: 'done' } | { kind: 'later'; reason: string; retryAfterMs: number | null };

/** Makes the function that sends one batch out of the spool, in one request. */
export function createDelivery(deps: {
  client: CollectorClient;
  spool: Spool;
  logger: Logger;
}): () => Promise<Delivery> {
  const { client, spool, logger } = deps;
  let maxBatch = MAX_BATCH;

  function refused(batch: Sample[], answer: RestAnswer): void {
    if (answer.status === 413 && batch.length > 1) {
      maxBatch = Math.ceil(batch.length / 2);
      spool.giveBack(batch);
      return;
    }
    const { status, requestId } = answer;
    const { detail, problems } = problemsSchema.safeParse(answer.body).data ?? { problems: [] };
    const good = withoutBad(batch, new Set(problems.flatMap(({ index }) => index ?? [])));
    spool.giveBack(good);
    const dropped = batch.length - good.length;
    logger.error(
      { requestId, status, detail, problems: problems.slice(0, 5), dropped },
      'samples refused and dropped',
    );
  }

  return async () => {
    const batch = spool.take(maxBatch);
    try {
      const answer = await client.post('/api/v1/ingest', batch);
      if (answer.status >= 200 && answer.status < 300) return { kind: 'done' };
      if (REFUSED.has(answer.status)) {
        refused(batch, answer);
        return { kind: 'done' };
      }
      spool.giveBack(batch);
      const { status, retryAfterMs } = answer;
      return { kind: 'later', reason: `HTTP ${status}`, retryAfterMs };
    } catch (error) {
      spool.giveBack(batch);
      return { kind: 'later', reason: reasonOf(error), retryAfterMs: null };
    }
  };
}

/**
 * A batch with one bad sample stores nothing: the good ones are sent again without it. None are
 * left when the answer does not say which are bad, as the batch would go in circles.
 */
function withoutBad(batch: readonly Sample[], bad: ReadonlySet<number>): Sample[] {
  const good = batch.filter((_, index) => !bad.has(index));
  return good.length < batch.length ? good : [];
}
