import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
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

/** A client that connects on first use, so that a process starts while Temporal is away. */
export function createTemporalClient(target: TemporalTarget): {
  client: Client;
  close: () => Promise<void>;
} {
  const connection = Connection.lazy(target.connection);
  return {
    client: new Client({ connection, namespace: target.namespace }),
    close: () => connection.close(),
  };
}
