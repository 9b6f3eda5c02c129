import type { Command } from 'commander';
import { Applied } from '../answers';
import { usageError } from '../failure';
import { placeOf, readManifests, warningLines } from '../manifest-file';
import { talksToApi } from '../output';

const KINDS: Readonly<Record<string, string>> = { service: 'Service', policy: 'Policy' };

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
      .argument('<kind>', 'Service or Policy')
      .argument('<name>', 'namespace/name'),
    async ({ api, args: [kind = '', name = ''], show }) => {
      const path = `/manifests/${kindOf(kind)}/${placeOf(name)}`;
      const answer = await api.send({ method: 'DELETE', path }, Applied);
      show(answer, () => [`${kindOf(kind)} ${name} is deleted; what it describes goes on running`]);
    },
  );
}

function kindOf(given: string): string {
  const kind = KINDS[given.toLowerCase()];
  if (kind === undefined) throw usageError(`unknown kind "${given}": Service or Policy`);
  return kind;
}
