import type { RuntimeCatalogue } from '../../../domain/action/runtime';

/** Runtime `process`: a program that Vigil itself starts, in a session of its own. */
export const PROCESS_CATALOGUE: RuntimeCatalogue = {
  type: 'process',
  verbs: [
    { verb: 'restart', summary: 'stop the process and start it anew', params: [] },
    { verb: 'start', summary: 'start the process unless it runs', params: [] },
    { verb: 'stop', summary: 'end the process and all that it started', params: [] },
    {
      verb: 'reload',
      summary: 'tell the process by a signal to read its configuration again',
      params: [],
    },
    {
      verb: 'sync',
      summary:
        'rewrite config files that differ; restart only if it is not running or its command or environment differ',
      params: [],
    },
  ],
  aliases: { restart_service: 'restart' },
};

export const PROCESS_DEFAULTS = {
  /** From SIGTERM to SIGKILL. */
  stopTimeoutMs: 5_000,
  /** Size at which a log is rotated. */
  logMaxBytes: 10 * 1024 * 1024,
  /** How many old logs are kept: `stdout.log.1` is the newest of them. */
  logFiles: 3,
};
