import type { Command } from 'commander';
import { z } from 'zod';
import { Anything, listOf } from './answers';
import { usageError } from './failure';
import { clock, fullKey, table, talksToApi } from './output';

const OverrideRow = z.looseObject({
  resource: z.string(),
  pointer: z.string(),
  value: z.unknown(),
  desired: z.unknown(),
  policy: z.string().nullable(),
  until: z.string().nullable(),
});
type OverrideRow = z.output<typeof OverrideRow>;

/** The commands on what Vigil's own scaling put in the place of a manifest's number. */
export function registerOverrides(drift: Command): void {
  talksToApi(
    drift
      .command('overrides')
      .description('what stands instead of the manifests, because an action scaled it')
      .argument('[resource]', 'only of this resource'),
    async ({ api, args: [resource], show }) => {
      const answer = await api.get('/overrides', listOf(OverrideRow), {
        resource: resource === undefined ? undefined : fullKey(resource),
      });
      show(answer, () => renderOverrides(answer.items));
    },
  );
  talksToApi(
    drift
      .command('release-override')
      .description("end one: the manifest's number is desired again")
      .argument('<resource>')
      .option('--pointer <pointer>', 'which', '/replicas'),
    async ({ api, args: [resource], options, show }) => {
      if (resource === undefined) throw usageError('which resource?');
      const [key, pointer] = [fullKey(resource), options.text('pointer') ?? '/replicas'];
      const path = `/overrides/${key}?pointer=${encodeURIComponent(pointer)}`;
      const answer = await api.send({ method: 'DELETE', path }, Anything);
      show(answer, () => [`${key}: ${pointer} is to be as its manifest says again`]);
    },
  );
}

function renderOverrides(rows: readonly OverrideRow[]): string[] {
  const cells = rows.map((row) => [
    row.resource,
    row.pointer,
    JSON.stringify(row.desired),
    JSON.stringify(row.value),
    row.policy ?? 'a person',
    row.until === null ? 'the manifest changes' : clock(row.until),
  ]);
  const header = ['RESOURCE', 'WHERE', 'MANIFEST', 'INSTEAD', 'BY', 'UNTIL'];
  return table(header, cells, 'nothing stands instead of a manifest');
}
