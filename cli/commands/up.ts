import type { Command } from 'commander';

const REPEAT_MS = 1000;

const VARIABLES = `
Ports: api 8000, worker 8081, gitops 8082, Temporal 7233, its Web UI 8233; PostgreSQL and
Redis take free ones on loopback, which $VIGIL_HOME/session.json names while Vigil runs.

Environment:
  VIGIL_HOME              what Vigil keeps (default: .vigil in the repository)
  VIGIL_PORT_OFFSET       shifts every port, for a second instance
  VIGIL_API_PORT          moves one port; also VIGIL_WORKER_PORT, VIGIL_GITOPS_PORT,
                          VIGIL_TEMPORAL_PORT, VIGIL_TEMPORAL_UI_PORT
  DATABASE_URL            a PostgreSQL of yours instead of the embedded one
  TEMPORAL_ADDRESS        a Temporal of yours instead of the dev server
  REDIS_URL               a Redis of yours instead of redis-server on the PATH`;

/** Adds `vigil up`. */
export function register(program: Command): void {
  program
    .command('up')
    .description('start everything on this machine and run until Ctrl-C (same as npm start)')
    .addHelpText('after', VARIABLES)
    .action(async () => {
      const { up } = await import('../up/up.js');
      await up({ env: process.env, print, signal: stopSignal() });
    });
}

function print(line: string): void {
  console.log(line);
}

/**
 * Aborted by the first SIGINT, SIGTERM or SIGHUP. A later one ends everything at once; npm passes
 * Ctrl-C on a second time, so one that comes right behind the first is not counted.
 */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let askedAt: number | null = null;
  const stop = (): void => {
    if (askedAt === null) {
      askedAt = performance.now();
      controller.abort(new Error('stopped'));
    } else if (performance.now() - askedAt > REPEAT_MS) {
      console.error('vigil: stopped at once');
      process.exit(130);
    }
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop);
  return controller.signal;
}
