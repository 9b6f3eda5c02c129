import type { Command } from 'commander';
import type { z } from 'zod';
import { Health, listOf, ResourceAnswer } from '../answers';
import { ApiFailure, type ApiClient } from '../client';
import { CliFailure } from '../failure';
import { clock, table, talksToApi } from '../output';

export function register(program: Command): void {
  talksToApi(
    program
      .command('status')
      .description('health of Vigil, then one line per resource')
      .option('--all', 'also what has no manifest and is only observed'),
    async ({ api, options, show }) => {
      const health = await readHealth(api);
      if (health.status === 'down') {
        show({ health }, () => renderHealth(health));
        throw new CliFailure('');
      }
      const { items } = await api.get('/resources', listOf(ResourceAnswer), { limit: 1000 });
      show({ health, resources: items }, () => [
        ...renderHealth(health),
        '',
        ...renderResources(items, { isAll: options.flag('all') }),
      ]);
    },
  );
}

/** Down is answered by 503, and the body says what is down. */
async function readHealth(api: ApiClient): Promise<z.output<typeof Health>> {
  try {
    return await api.get('/health', Health);
  } catch (error) {
    if (!(error instanceof ApiFailure && error.status === 503)) throw error;
    const down = Health.safeParse(JSON.parse(error.body));
    if (!down.success) throw error;
    return down.data;
  }
}

export function renderHealth(health: z.output<typeof Health>): string[] {
  const version = health.version === undefined ? '' : ` (version ${health.version})`;
  const parts = Object.entries(health.dependencies).map(
    ([name, { status, detail }]) => `  ${name}: ${status}${detail ? ` (${detail})` : ''}`,
  );
  return [`vigil is ${health.status}${version}`, ...parts];
}

/** What has no manifest is only counted, unless all is asked for: every tag of a sample makes one. */
export function renderResources(
  resources: readonly ResourceAnswer[],
  { isAll }: { isAll: boolean },
): string[] {
  const shown = resources.filter(({ managed }) => managed || isAll);
  const rows = shown.map((resource) => [
    resource.resource,
    running(resource),
    resource.paused ? 'paused' : '-',
    resource.driftCount === 0 ? '-' : String(resource.driftCount),
    verdicts(resource),
  ]);
  const nothing = 'no resources yet: ./vigil init service NAME writes the first manifest';
  const hidden = resources.length - shown.length;
  return [
    ...table(['RESOURCE', 'RUNNING', 'PAUSED', 'DRIFT', 'POLICIES'], rows, nothing),
    ...(hidden === 0 ? [] : [`and ${hidden} without a manifest, only observed: --all shows them`]),
  ];
}

function running({ managed, observed }: ResourceAnswer): string {
  if (!managed) return 'unmanaged';
  if (observed === null) return 'unknown';
  return observed.isRunning ? 'yes' : 'no';
}

/** Everything that is not plainly fine, by name; else how many policies watch. */
function verdicts({ policies }: ResourceAnswer): string {
  if (policies.length === 0) return 'none';
  const notable = policies
    .filter(({ verdict }) => verdict !== 'false')
    .map(({ policy, verdict, since, severity }) =>
      verdict === 'true'
        ? `${policy} TRUE since ${clock(since)} (${severity})`
        : `${policy} ${verdict}`,
    );
  return notable.length === 0 ? `${policies.length} all clear` : notable.join(', ');
}
