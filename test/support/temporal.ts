import { Client, Connection } from '@temporalio/client';

export interface TestTemporal {
  /** host:port of the server of this run; its namespace is `default`. */
  address: string;
  client: Client;
  close: () => Promise<void>;
}

/** A client of the Temporal server of this run; `npm test` starts it. Use workflow ids and queues of your own. */
export async function createTestTemporal(): Promise<TestTemporal> {
  const address = process.env['VIGIL_TEST_TEMPORAL_ADDRESS'];
  if (address === undefined) {
    throw new Error('VIGIL_TEST_TEMPORAL_ADDRESS is not set: run tests with `npm test`');
  }
  const connection = await Connection.connect({ address });
  return { address, client: new Client({ connection }), close: () => connection.close() };
}
