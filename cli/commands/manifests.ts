import type { Command } from 'commander';
import { MANIFEST_KINDS, type ManifestKind } from '../../language/manifest/kinds';
import { suggest } from '../../language/problem';
import { Applied } from '../answers';
import { usageError } from '../failure';
import { placeOf, readManifests, warningLines } from '../manifest-file';
import { talksToApi } from '../output';

export function register(program: Command): void {
  talksToApi(
    program
      .command('apply')
      .description('put manifests through the API (their source is then named api)')
      .requiredOption('-f, --file <file>', 'YAML, one or more documents; - reads standard input'),
    async ({ api, options, show }) => {
      const file = options.text('file') ?? '-';
      const yaml = readManifests(file);
      const answer = await api.send({ method: 'PUT', path: '/manifests', yaml }, Applied);
      const { revision, changed = [], unchanged = 0 } = answer;
      show(answer, () => [
        ...warningLines(answer.warnings, file),
        changed.length === 0
          ? `nothing changed: all ${unchanged} are as they were`
          : `revision ${revision}: ${changed.length} changed, ${unchanged} unchanged`,
      ]);
    },
  );
  talksToApi(
    program
      .command('delete')
      .description('delete a manifest; Vigil stops managing, it never stops the workload')
      .argument('<kind>', MANIFEST_KINDS.join(', '))
      .argument('<name>', 'namespace/name'),
    async ({ api, args: [kind = '', name = ''], show }) => {
      const known = kindOf(kind);
      const path = `/manifests/${known}/${placeOf(name)}`;
      const answer = await api.send({ method: 'DELETE', path }, Applied);
      const rest = known === 'Service' ? '; what it describes goes on running' : '';
      show(answer, () => [`${known} ${name} is deleted${rest}`]);
    },
  );
}

function kindOf(given: string): ManifestKind {
  const kind = MANIFEST_KINDS.find((known) => known.toLowerCase() === given.toLowerCase());
  if (kind !== undefined) return kind;
  const hint = suggest(given, MANIFEST_KINDS) || `; known: ${MANIFEST_KINDS.join(', ')}`;
  throw usageError(`unknown kind "${given}"${hint}`);
}
