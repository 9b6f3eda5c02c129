import type { Pool } from 'pg';
import { ChannelError, type Channel, type Message } from '../../domain/channel';
import type { Logger } from '../../platform/logger';
import { claimMessage, markFailed, markSent, type Claim } from '../../storage/notice-deliveries';
import { actionWorkflowId, resourceWorkflowId } from '../../workflows/contract';
import type { NoticeMetrics } from './metrics';

/** Longer than the deadline: a worker that is only slow to write down its success keeps its claim. */
const LEASE_SLACK_MS = 30_000;

export interface NamedChannel {
  name: string;
  channel: Channel;
  perMinute: number;
  timeoutMs: number;
}

export interface DeliverDeps {
  pool: Pool;
  logger: Logger;
  metrics: NoticeMetrics;
  /** Base of the namespace's pages in Temporal's Web UI. */
  pages: string | null;
  retryMs: number;
  longestRetryMs: number;
  giveUpAfterMs: number;
  /** Ends what is on its way, when the process stops. */
  signal: AbortSignal;
}

/**
 * Tells the next message of one channel and writes down what became of it. No connection to the
 * database is held meanwhile. False: there was nothing to tell now.
 */
export async function deliverNext(deps: DeliverDeps, named: NamedChannel): Promise<boolean> {
  const { channel, name, perMinute, timeoutMs } = named;
  const claim = await claimMessage(deps.pool, {
    ...{ channel: name, perMinute },
    largest: channel.largest,
    leaseMs: timeoutMs + LEASE_SLACK_MS,
  });
  if (claim === null) return false;
  const failure = await send(deps, named, claim);
  if (failure === null) deps.metrics.sent.inc(labels(name, 'sent'), claim.notices.length);
  else await failed(deps, named, { claim, failure });
  return true;
}

/** Null when the receiver took it; never throws what the channel threw. */
async function send(
  { pool, pages, signal }: DeliverDeps,
  { channel, timeoutMs }: NamedChannel,
  claim: Claim,
): Promise<ChannelError | null> {
  const message: Message = {
    id: claim.wordsId,
    notices: claim.notices.map((notice) => ({ ...notice, url: pageOf(notice, pages) })),
  };
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let thread: string | null;
  try {
    ({ thread } = await Promise.race([channel.send(message, deadline), end(deadline)]));
  } catch (error) {
    return asChannelError(error);
  }
  await markSent(pool, claim, thread);
  return null;
}

/** A channel that does not listen to its signal is left behind. */
function end(deadline: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const expire = (): void => {
      reject(new ChannelError('the channel took too long', { mayHaveTold: true }));
    };
    if (deadline.aborted) expire();
    deadline.addEventListener('abort', expire, { once: true });
  });
}

/** Of an error that nobody thought of only the name is told: its message may hold a secret. */
function asChannelError(error: unknown): ChannelError {
  if (error instanceof ChannelError) return error;
  const name = error instanceof Error ? error.name : typeof error;
  return new ChannelError(`the channel failed unexpectedly (${name})`, { mayHaveTold: true });
}

async function failed(
  deps: DeliverDeps,
  { name }: NamedChannel,
  { claim, failure }: { claim: Claim; failure: ChannelError },
): Promise<void> {
  const { retryMs, longestRetryMs, giveUpAfterMs, metrics, logger } = deps;
  const { message: error, mayHaveTold, retryAfterMs } = failure;
  const givenUp = await markFailed(deps.pool, claim, {
    ...{ error, mayHaveTold, retryAfterMs, retryMs, longestRetryMs, giveUpAfterMs },
  });
  metrics.sent.inc(labels(name, 'failed'), claim.notices.length - givenUp);
  if (givenUp === 0) {
    logger.warn({ channel: name, error }, 'notices were not told, trying again');
    return;
  }
  metrics.sent.inc(labels(name, 'given_up'), givenUp);
  const keys = claim.notices.map(({ key }) => key);
  logger.error({ channel: name, error, givenUp, keys }, 'notices are given up');
}

function labels(channel: string, outcome: 'sent' | 'failed' | 'given_up') {
  return { channel, outcome };
}

function pageOf(
  { actionId, resource }: Pick<Claim['notices'][number], 'actionId' | 'resource'>,
  pages: string | null,
): string | null {
  if (pages === null || (actionId === null && resource === null)) return null;
  const id = actionId === null ? resourceWorkflowId(resource ?? '') : actionWorkflowId(actionId);
  return `${pages}/workflows/${encodeURIComponent(id)}`;
}
