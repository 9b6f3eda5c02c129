import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { CATALOGUES } from '../activities/catalogue';
import { loadConfig } from '../platform/config-loader';
import { readToken } from '../platform/bearer-token';
import { createProcessLifecycle, runProcess } from '../platform/process';
import { createLogger } from '../platform/logger';
import { createRegistry } from '../platform/metrics';
import { createPool } from '../storage/database';
import { listen } from '../storage/listen';
import { SYNC_CHANNEL } from '../storage/reload';
import { keepSourceErrors } from '../storage/source-errors';
import { createCompile } from './compile';
import { gitopsConfigSchema, type GitopsConfig } from './config';
import { buildApp } from './http/app';
import { registerMetrics } from './metrics';
import { createSources, SETTLE_MS } from './sources/create';
import { startRecompile } from './recompile';
import { createRender } from './render/render';
import type { Push, Source } from './sources/source';
import { startSync, type Sync } from './sync';

/** The gitops process: keeps the manifests of its folders in force. */
async function run({ home, database, log, gitops }: GitopsConfig): Promise<void> {
  const logger = createLogger('gitops', log.level);
  const registry = createRegistry('gitops');
  const lifecycle = createProcessLifecycle(logger);
  const token = readToken('gitops', gitops);

  const pool = createPool({ ...database, name: 'gitops' });
  lifecycle.onStop('database', () => pool.end());

  const anew = startRecompile({ pool, catalogue: CATALOGUES, logger });
  lifecycle.onStop('recompile', anew.stop);

  const sources = createSources(gitops, {
    home,
    now: Date.now,
    random: Math.random,
    renderOf: createRender,
  });
  const watched = sources.map((source) => {
    const waits = { intervalMs: gitops.interval, settleMs: SETTLE_MS };
    const compile = createCompile(CATALOGUES, process.env);
    const { pruneShare } = gitops;
    const sync = startSync({ pool, source, compile, logger, now: Date.now, pruneShare, ...waits });
    lifecycle.onStop(source.name, sync.stop);
    return { source, sync };
  });
  const names = sources.map(({ name }) => name);
  const listener = listen(pool, {
    channels: [SYNC_CHANNEL],
    onListening() {
      keepSourceErrors(pool, names).catch((err: unknown) => {
        logger.warn({ err }, 'errors of former sources are still shown');
      });
    },
    onNotify() {
      for (const { sync } of watched) sync.lookNow();
    },
  });
  lifecycle.onStop('listener', () => listener.close());
  const statuses = () => watched.map(({ sync }) => sync.status());
  registerMetrics(registry, statuses);

  const { webhooks } = gitops;
  const app = await buildApp({
    statuses,
    wake: (push) => wakeTouched(watched, push),
    secretFiles: {
      github: webhooks.github?.secretFile,
      gitlab: webhooks.gitlab?.secretFile,
      generic: webhooks.generic?.secretFile,
    },
    ...{ token, registry, logger, now: Date.now },
  });
  await app.listen({ host: gitops.host, port: gitops.port });
  lifecycle.onStop('http', () => app.close());
  logger.info({ port: portOf(app), sources: names }, 'ready');
}

interface Watched {
  source: Source;
  sync: Sync;
}

/** Looks at the sources that a push may have changed; their names. */
function wakeTouched(watched: readonly Watched[], push: Push): string[] {
  const touched = watched.filter(({ source }) => source.isTouchedBy?.(push) === true);
  for (const { sync } of touched) sync.lookNow();
  return touched.map(({ source }) => source.name);
}

function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port;
}

runProcess({ load: (source) => loadConfig(gitopsConfigSchema, source), run });
