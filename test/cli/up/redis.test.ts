import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChildOutput } from '../../../cli/up/child-output';
import { findOnPath } from '../../../cli/up/executables';
import { isAlive } from '../../../cli/up/os-process';
import { prepareRedis } from '../../../cli/up/redis';
import { supervise } from '../../../cli/up/supervise';
import { describeWithRedis } from '../../support/redis';
import { unusedPort } from '../../support/stack-ports';
import { waitFor } from '../../support/wait';

const BACKOFF = { firstMs: 60_000, longestMs: 60_000, calmMs: 60_000 };

describeWithRedis('private Redis', () => {
  test('a server left behind in the same folder is ended before the next start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vigil-redis-'));
    const prepare = async () =>
      prepareRedis({
        binary: findOnPath('redis-server', process.env) ?? '',
        folder,
        port: await unusedPort(),
      });
    const output = createChildOutput(join(folder, 'redis.log'), () => undefined);
    const { spec } = await prepare();
    const left = await supervise(spec, { output, say: () => undefined, backoff: BACKOFF });
    const pid = left.pid() ?? 0;
    await prepare();
    await waitFor('the server is gone', () => !isAlive(pid));
    await left.stop();
    output.close();
    rmSync(folder, { recursive: true, force: true });
  });
});
