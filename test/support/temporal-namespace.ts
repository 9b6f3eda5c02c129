import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { createLogger } from '../../platform/logger';
import { ensureSearchAttributes } from '../../workers/search-attributes';
import { createTestTemporal } from './temporal';
import { waitFor } from './wait';

export interface TestNamespace {
  address: string;
  namespace: string;
  client: Client;
  close: () => Promise<void>;
}

/**
 * A Temporal namespace of its own, so that the queues and ids of test files do not meet.
 *
 * @param at host:port of another server than that of this run
 */
export async function createTestNamespace(at?: string): Promise<TestNamespace> {
  const address = at ?? (await addressOfThisRun());
  const connection = await Connection.connect({ address });
  const namespace = `test-${randomUUID()}`;
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as unknown as Long },
  });
  await waitFor(
    'the namespace to be known',
    () =>
      connection.workflowService
        .listWorkflowExecutions({ namespace, pageSize: 1 })
        .then(() => true)
        .catch(() => false),
    15_000,
  );
  await ensureSearchAttributes(connection, namespace, createLogger('test', 'fatal'));
  return {
    address,
    namespace,
    client: new Client({ connection, namespace }),
    close: () => connection.close(),
  };
}

async function addressOfThisRun(): Promise<string> {
  const { address, close } = await createTestTemporal();
  await close();
  return address;
}
