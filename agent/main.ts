import { createLogger } from '../platform/logger';
import { createProcessLifecycle, runProcess } from '../platform/process';
import { startAgent } from './agent';
import { loadAgentConfig, type AgentConfig } from './config';

/** The agent process: measures this host and what the collector asks for; needs no database. */
function run(config: AgentConfig): void {
  const logger = createLogger('agent', config.logLevel);
  const lifecycle = createProcessLifecycle(logger);
  const agent = startAgent(config, logger);
  lifecycle.onStop('agent', () => agent.stop());
  logger.info({ host: config.host, apiUrl: config.apiUrl }, 'ready');
}

runProcess({ load: loadAgentConfig, run });
