import { z } from 'zod';
import { parseResourceKey } from '../domain/resource';
import type { Logger } from '../platform/logger';
import { reasonOf } from '../platform/rest-client';
import type { CollectorClient } from './collector-client';
import { repeat, type Repetition } from './schedule';

const MIN_INTERVAL_MS = 1_000;

const checkSchema = z
  .object({
    resource: z.string().min(1),
    kind: z.enum(['http', 'process']),
    endpoint: z.string().nullish(),
    intervalMs: z.number().positive(),
    timeoutMs: z.number().positive().nullish(),
    tags: z.record(z.string(), z.string()).default({}),
  })
  .transform(({ endpoint, intervalMs, timeoutMs, tags, ...check }) => {
    const everyMs = Math.max(intervalMs, MIN_INTERVAL_MS);
    const { namespace, name } = parseResourceKey(check.resource);
    return {
      ...check,
      tags: { namespace, resource: name, ...tags },
      endpoint: endpoint ?? null,
      intervalMs: everyMs,
      timeoutMs: timeoutMs ?? everyMs,
    };
  });

/** What is to be looked at on this host, as the collector says. */
export type Check = z.output<typeof checkSchema>;

const answerSchema = z.object({ items: z.array(z.unknown()) });

/**
 * Keeps the checks of this host going: asks the collector for them, starts new ones, stops those
 * that are gone, and leaves the others alone. While the collector is away the last list holds.
 */
export function followChecks(deps: {
  client: CollectorClient;
  host: string;
  intervalMs: number;
  logger: Logger;
  /** Starts one check. */
  start: (check: Check) => Repetition;
}): Repetition {
  const running = new Map<string, Repetition>();
  let problem: string | null = null;
  let isStopped = false;

  async function refresh(): Promise<void> {
    const result = await fetchChecks(deps.client, deps.host);
    if (isStopped) return;
    if (result.problem !== problem) say(result.problem);
    problem = result.problem;
    if (result.checks !== null) apply(new Map(result.checks.map((c) => [JSON.stringify(c), c])));
  }

  function say(reason: string | null): void {
    if (reason === null) deps.logger.info('checks are up to date again');
    else deps.logger.warn({ reason }, 'cannot fetch checks, going on with the last ones');
  }

  function apply(wanted: ReadonlyMap<string, Check>): void {
    for (const [key, repetition] of running) {
      if (wanted.has(key)) continue;
      repetition.stop();
      running.delete(key);
    }
    for (const [key, check] of wanted) {
      if (!running.has(key)) running.set(key, deps.start(check));
    }
  }

  const following = repeat(deps.intervalMs, refresh);
  return {
    stop() {
      isStopped = true;
      following.stop();
      apply(new Map());
    },
  };
}

interface Fetched {
  /** Null: keep the last ones. */
  checks: Check[] | null;
  problem: string | null;
}

/** A check of a kind that this agent does not know is left out and told; the others hold. */
async function fetchChecks(client: CollectorClient, host: string): Promise<Fetched> {
  try {
    const answer = await client.get(`/api/v1/agents/${encodeURIComponent(host)}/checks`);
    if (answer.status !== 200) return { checks: null, problem: `HTTP ${answer.status}` };
    const list = answerSchema.safeParse(answer.body);
    if (!list.success) return { checks: null, problem: 'the answer holds no list of checks' };
    const parsed = list.data.items.map((item) => checkSchema.safeParse(item));
    const checks = parsed.flatMap(({ data }) => data ?? []);
    const unknown = parsed.length - checks.length;
    return { checks, problem: unknown === 0 ? null : `${unknown} checks are of an unknown form` };
  } catch (error) {
    return { checks: null, problem: reasonOf(error) };
  }
}
