import { CATALOGUES } from '../activities/catalogue';
import { loadConfig } from '../platform/config-loader';
import { startHealthServer } from '../platform/health-server';
import { createProcessLifecycle, runProcess } from '../platform/process';
import { createLogger } from '../platform/logger';
import { createRegistry } from '../platform/metrics';
import { createPool } from '../storage/database';
import { listen } from '../storage/listen';
import { SYNC_CHANNEL } from '../storage/reload';
import { createCompile } from './compile';
import { gitopsConfigSchema, type GitopsConfig } from './config';
import { registerMetrics } from './metrics';
import { createFolderSource } from './sources/folder';
import { startSync } from './sync';

/** Half-written files are not taken: a file must be left alone for so long. */
const SETTLE_MS = 200;

/** The gitops process: keeps the manifests of its folders in force. */
async function run({ database, log, gitops }: GitopsConfig): Promise<void> {
  const logger = createLogger('gitops', log.level);
  const registry = createRegistry('gitops');
  const lifecycle = createProcessLifecycle(logger);

  const pool = createPool({ ...database, name: 'gitops' });
  lifecycle.onStop('database', () => pool.end());

  const syncs = gitops.folders.map((folder) => {
    const source = createFolderSource({ folder, settleMs: SETTLE_MS, now: Date.now });
    const waits = { intervalMs: gitops.interval, settleMs: SETTLE_MS };
    const compile = createCompile(CATALOGUES, process.env);
    const { pruneShare } = gitops;
    const sync = startSync({ pool, source, compile, logger, now: Date.now, pruneShare, ...waits });
    lifecycle.onStop(source.name, sync.stop);
    return sync;
  });
  const listener = listen(pool, {
    channels: [SYNC_CHANNEL],
    onNotify() {
      for (const sync of syncs) sync.lookNow();
    },
  });
  lifecycle.onStop('listener', () => listener.close());
  const statuses = () => syncs.map((sync) => sync.status());
  registerMetrics(registry, statuses);

  const server = await startHealthServer({
    host: gitops.host,
    port: gitops.port,
    registry,
    health: () => {
      const items = statuses();
      const isDegraded = items.some(({ lastError }) => lastError !== null);
      return Promise.resolve({ status: isDegraded ? 'degraded' : 'ok', sources: items });
    },
    pages: { '/status': () => Promise.resolve({ items: statuses() }) },
  });
  lifecycle.onStop('health server', server.close);
  logger.info({ port: server.port, folders: gitops.folders }, 'ready');
}

runProcess({ load: (source) => loadConfig(gitopsConfigSchema, source), run });
