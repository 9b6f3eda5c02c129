import type { Logger } from '../platform/logger';
import { followChecks, type Check } from './checks';
import { createHostCollector } from './collectors/host';
import { lookAtEndpoint, type Looked } from './collectors/http';
import { createProcessCollector } from './collectors/process';
import { createCollectorClient } from './collector-client';
import type { AgentConfig } from './config';
import { repeat, type Repetition } from './schedule';
import { createSender, type SendTimes } from './send';
import { createSpool } from './spool';

/** About 20 MB; some hours of a host with ten services. */
const MAX_SAMPLES = 100_000;

export interface Agent {
  /** Ends all collectors and sends what waits, once. */
  stop: () => Promise<void>;
}

/** Measures this host and the Services on it, and sends what it measured to the collector. */
export function startAgent(config: AgentConfig, logger: Logger, times?: SendTimes): Agent {
  const now = (): number => Date.now();
  const client = createCollectorClient({ ...config, now });
  const sender = createSender({
    client,
    spool: createSpool(MAX_SAMPLES),
    logger,
    random: Math.random,
    ...(times === undefined ? {} : { times }),
  });

  const lookAtProcess = createProcessCollector({
    home: config.home,
    now,
    monotonic: () => performance.now(),
  });
  const collectors: Record<Check['kind'], (check: Check) => Promise<Looked>> = {
    http: (check) => lookAtEndpoint(check, now),
    process: lookAtProcess,
  };

  async function collect(collector: string, look: () => Promise<Looked>): Promise<void> {
    try {
      const { samples, isUrgent } = await look();
      sender.add(samples, isUrgent);
    } catch (err) {
      logger.error({ err, collector }, 'measurement failed');
    }
  }

  const measureHost = createHostCollector({ host: config.host, now });
  const repetitions: Repetition[] = [
    repeat(config.intervalMs, () =>
      collect('host', async () => ({ samples: await measureHost(), isUrgent: false })),
    ),
    followChecks({
      client,
      host: config.host,
      intervalMs: config.checksIntervalMs,
      logger,
      start: (check) =>
        repeat(check.intervalMs, () => collect(check.kind, () => collectors[check.kind](check))),
    }),
  ];

  return {
    async stop() {
      for (const repetition of repetitions) repetition.stop();
      await sender.stop();
    },
  };
}
