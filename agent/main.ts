import { ConfigError } from '../platform/config-loader';
import { createLifecycle } from '../platform/lifecycle';
import { createLogger } from '../platform/logger';
import { startAgent } from './agent';
import { loadAgentConfig, type AgentConfig } from './config';

main();

function main(): void {
  const config = configOrExit();
  const logger = createLogger('agent', config.logLevel);
  const lifecycle = createLifecycle((name, err) => {
    logger.error({ name, err }, 'teardown failed');
  });

  const agent = startAgent(config, logger);
  lifecycle.onStop('agent', () => agent.stop());

  let isStopping = false;
  const stop = (reason: string): void => {
    if (isStopping) return;
    isStopping = true;
    logger.info({ reason }, 'stopping');
    void lifecycle.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // A parent that started this process with a channel and is gone wants it gone, too.
  process.on('disconnect', () => {
    stop('parent ended');
  });
  logger.info({ host: config.host, apiUrl: config.apiUrl }, 'ready');
}

function configOrExit(): AgentConfig {
  try {
    return loadAgentConfig({ env: process.env });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) process.stderr.write(`${problem}\n`);
    process.exit(1);
  }
}
