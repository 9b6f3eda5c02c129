import type { Command } from 'commander';

const REPEAT_MS = 1000;

/** Adds `vigil up`. */
export function register(program: Command): void {
  program
    .command('up')
    .description('start everything on this machine and run until Ctrl-C (same as npm start)')
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
