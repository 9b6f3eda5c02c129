/** `node tools/record-histories.mjs`: records the histories in test/replay anew, on servers of its own. */
import { join } from 'node:path';
import process from 'node:process';
import { createJiti } from 'jiti';
import { ROOT, say } from './common.mjs';
import { ensureReady } from './setup.mjs';

await ensureReady();
const jiti = createJiti(import.meta.url);
const { startTestServers } = await jiti.import('../test/support/servers.ts');
const { recordHistories } = await jiti.import('../test/support/record-histories.ts');
const stop = await startTestServers(process.env);
try {
  const names = await recordHistories(join(ROOT, 'test/replay'));
  say(`recorded ${names.join(', ')}`);
} finally {
  await stop();
}
