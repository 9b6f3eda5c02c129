import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { createChildOutput } from '../../../cli/up/child-output';
import { isAlive } from '../../../cli/up/os-process';
import { supervise } from '../../../cli/up/supervise';
import { findTemporal } from '../../../cli/up/temporal-binary';
import { keepHistories, prepareTemporal } from '../../../cli/up/temporal';
import { unusedPort } from '../../support/stack-ports';
import { waitFor } from '../../support/wait';

const BACKOFF = { firstMs: 60_000, longestMs: 60_000, calmMs: 60_000 };
const quiet = (): void => undefined;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-temporal-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('histories are kept for 30 days, and a server left behind is ended by the next start', async () => {
  const { path: binary } = await findTemporal({ env: process.env, say: quiet });
  const prepare = async () =>
    prepareTemporal({
      binary,
      port: await unusedPort(),
      uiPort: null,
      dbFile: join(folder, 'temporal.db'),
      namespace: 'default',
    });
  const output = createChildOutput(join(folder, 'temporal.log'), quiet);
  const { spec, address } = await prepare();
  const left = await supervise(spec, { output, say: quiet, backoff: BACKOFF });
  await keepHistories(address, 'default');
  const days = await retentionDays(address);
  const pid = left.pid() ?? 0;
  await prepare();
  await waitFor('the server is gone', () => !isAlive(pid));
  await left.stop();
  output.close();
  expect(days).toBe(30);
}, 60_000);

async function retentionDays(address: string): Promise<number> {
  const connection = await Connection.connect({ address });
  const found = await connection.workflowService.describeNamespace({ namespace: 'default' });
  await connection.close();
  return Number(found.config?.workflowExecutionRetentionTtl?.seconds) / 86_400;
}

test('a server in the cache is found there', async () => {
  const cached = join(folder, 'vigil', 'temporal', '1.8.2');
  mkdirSync(cached, { recursive: true });
  writeFileSync(join(cached, 'temporal'), '', { mode: 0o755 });
  const env = { PATH: '', XDG_CACHE_HOME: folder };
  await expect(findTemporal({ env, say: quiet })).resolves.toMatchObject({
    path: join(cached, 'temporal'),
  });
});

test('a cache that cannot be made is named with its remedy', async () => {
  writeFileSync(join(folder, 'vigil'), '');
  const env = { PATH: '', XDG_CACHE_HOME: folder };
  await expect(findTemporal({ env, say: quiet })).rejects.toThrow(/set XDG_CACHE_HOME/);
});
