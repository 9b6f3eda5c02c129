import { spawn } from 'node:child_process';
import { freePort } from '../../cli/up/ports';
import { startPostgres, startRedis, startTemporal, type Start } from '../../cli/up/servers';
import { loadSettings } from '../../cli/up/settings';
import type { Bench } from './bench';
import { stackEnvironment, temporaryHome } from './stack';

/** The servers of a stack as children of this process, started with the same flags and used by nobody. */
export async function startBareServers(bench: Bench): Promise<void> {
  const start = await startOf(bench);
  await startPostgres(start);
  await startTemporal(start);
  await startRedis(start);
}

/** PostgreSQL alone, private to this process; its URL. */
export async function startBarePostgres(bench: Bench): Promise<string> {
  return startPostgres(await startOf(bench));
}

/** PostgreSQL and Temporal, private to this process; their addresses, and the home with their logs. */
export async function startStores(
  bench: Bench,
): Promise<{ databaseUrl: string; temporalAddress: string; home: string }> {
  const start = await startOf(bench);
  const databaseUrl = await startPostgres(start);
  const temporalAddress = await startTemporal(start);
  if (temporalAddress === null) throw new Error('the benchmark wants a Temporal of its own');
  return { databaseUrl, temporalAddress, home: start.settings.home };
}

async function startOf(bench: Bench): Promise<Start> {
  const home = temporaryHome(bench.lifecycle);
  const env = stackEnvironment(bench.portOffset, home, home);
  const [temporalPort, uiPort] = [await freePort(), await freePort()];
  return {
    settings: { ...loadSettings(env), temporalPort, uiPort },
    env,
    signal: bench.signal,
    lifecycle: bench.lifecycle,
    print: (line) => {
      bench.say(`  ${line}`);
    },
  };
}

/** Node processes that do nothing; returns their pids. */
export function startEmptyProcesses(count: number, { lifecycle }: Bench): number[] {
  return Array.from({ length: count }, () => {
    const script = 'setInterval(() => undefined, 2 ** 30)';
    const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    lifecycle.onStop('empty process', () => {
      child.kill('SIGKILL');
    });
    return child.pid ?? 0;
  });
}
