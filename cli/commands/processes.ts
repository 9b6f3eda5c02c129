import type { Command } from 'commander';
import { CliFailure } from '../failure';
import { homeFolder, repositoryRoot } from '../up/paths';
import { processMain } from '../up/processes';
import { readSession } from '../up/session';

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  api: 'run the collector alone: ingest, REST API, detector, dispatcher',
  worker: 'run a worker alone: workflows, activities, runtimes',
  gitops: 'run the sync of manifests alone',
  agent: 'run the agent alone: it needs neither database nor Temporal',
};

/** Adds `vigil api|worker|gitops|agent`: one process, with the servers of a running `vigil up` where none are named. */
export function register(program: Command): void {
  for (const [name, description] of Object.entries(DESCRIPTIONS)) {
    const command = program
      .command(name)
      .description(description)
      .option('--check-config', 'only check its configuration: 0, or 2 and every problem');
    if (name === 'worker') {
      command.option('--host <name>', 'act for this host only: its runtimes, no database');
    }
    command.action((options: { host?: string }) => run(name, options.host));
  }
}

async function run(name: string, host?: string): Promise<void> {
  const main = processMain(name, repositoryRoot());
  if (main === null) throw new CliFailure(`no process is called ${name}`, 2);
  adoptServers(process.env);
  if (host !== undefined) process.env['VIGIL_WORKER_HOST_NAME'] = host;
  // The process is its module: it runs until it is told to stop.
  await import(main);
}

/** What is set in the environment stays; ports are left to the process, since those of `vigil up` are taken. */
function adoptServers(env: NodeJS.ProcessEnv): void {
  const home = homeFolder(env);
  env['VIGIL_HOME'] = home;
  const session = readSession(home);
  const servers = [
    ['VIGIL_DATABASE_URL', 'DATABASE_URL'],
    ['VIGIL_TEMPORAL_ADDRESS', 'TEMPORAL_ADDRESS'],
    ['VIGIL_REDIS_URL', 'REDIS_URL'],
    ['VIGIL_API_URL', 'VIGIL_AGENT_COLLECTOR'],
  ] as const;
  for (const [name, alias] of servers) {
    if (env[name] === undefined && env[alias] === undefined && session[name] !== undefined) {
      env[name] = session[name];
    }
  }
}
