import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  type ConnectionOptions,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

export interface TemporalTarget {
  connection: ConnectionOptions;
  namespace: string;
}

/** Temporal's own variables and profile file; the configuration's address and namespace win over them. */
export function temporalTarget(section: {
  address?: string | undefined;
  namespace?: string | undefined;
}): TemporalTarget {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const address = section.address ?? connectionOptions.address;
  return {
    connection: { ...connectionOptions, ...(address === undefined ? {} : { address }) },
    namespace: section.namespace ?? namespace ?? 'default',
  };
}

const MAX_RETRY_DELAY_MS = 1000;

/** A client that connects on first use, so that a process starts while Temporal is away. */
export function createTemporalClient(target: TemporalTarget): {
  client: Client;
  close: () => Promise<void>;
} {
  const retries = createRetries();
  const connection = Connection.lazy({ ...target.connection, interceptors: [retries.interceptor] });
  return {
    client: new Client({ connection, namespace: target.namespace }),
    async close() {
      await retries.stop();
      await connection.close();
    },
  };
}

/** The SDK's retries, but with an end: one that wakes after the connection was closed throws at nobody. */
function createRetries() {
  const defaults = defaultGrpcRetryOptions();
  let isStopped = false;
  let lastRetryAt = 0;
  const interceptor = makeGrpcRetryInterceptor({
    retryableDecider: (attempt, status) => !isStopped && defaults.retryableDecider(attempt, status),
    delayFunction(attempt, status) {
      const delayMs = Math.min(MAX_RETRY_DELAY_MS, defaults.delayFunction(attempt, status));
      lastRetryAt = Math.max(lastRetryAt, performance.now() + delayMs);
      return delayMs;
    },
  });
  return {
    interceptor,
    /** Resolves when the retries that were under way have been made. */
    async stop(): Promise<void> {
      isStopped = true;
      const leftMs = lastRetryAt - performance.now();
      if (leftMs > -1) await new Promise((resolve) => setTimeout(resolve, leftMs + 10));
    },
  };
}
