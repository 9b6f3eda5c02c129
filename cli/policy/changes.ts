import type { Command } from 'commander';
import { DEFAULT_NAMESPACE, resourceKey } from '../../domain/resource';
import { readDocuments } from '../../language/manifest/source';
import { formatProblem } from '../../language/problem';
import { Anything, PolicyAnswer, PolicyDetail, PolicyWritten, Reloaded } from '../answers';
import { CliFailure } from '../failure';
import { placeOf, readManifests, warningLines } from '../manifest-file';
import { fullKey, resourcePath, talksToApi } from '../output';
import { renderPolicy } from './render';

/** `policy get`, `apply`, `delete`, `enable`, `disable` and `reload`: what the API does with one policy. */
export function registerChanges(policy: Command): void {
  talksToApi(
    policy
      .command('get')
      .description('one policy as it was written, with its revisions')
      .argument('<name>', 'name, or namespace/name'),
    async ({ api, args: [name = ''], show }) => {
      const answer = await api.get(`/policies/${resourcePath(name)}`, PolicyDetail);
      show(answer, () => renderPolicy(answer));
    },
  );
  talksToApi(
    policy
      .command('apply')
      .description('create or replace one policy through the API (its source is then named api)')
      .requiredOption('-f, --file <file>', 'YAML of one policy; - reads standard input'),
    async ({ api, options, show }) => {
      const file = options.text('file') ?? '-';
      const yaml = readManifests(file);
      const path = `/policies/${placeOf(nameIn(yaml, file))}`;
      const answer = await api.send({ method: 'PUT', path, yaml }, PolicyWritten);
      show(answer, () => [
        ...warningLines(answer.warnings, file),
        `policy ${answer.policy} is in force: revision ${answer.revision}`,
      ]);
    },
  );
  talksToApi(
    policy
      .command('delete')
      .description('delete a policy of the API; its revisions stay')
      .argument('<name>', 'namespace/name'),
    async ({ api, args: [name = ''], show }) => {
      const path = `/policies/${placeOf(name)}`;
      const answer = await api.send({ method: 'DELETE', path }, Anything);
      show(answer, () => [`policy ${name} is deleted`]);
    },
  );
  for (const [verb, description] of SWITCHES) {
    talksToApi(
      policy.command(verb).description(description).argument('<name>', 'name, or namespace/name'),
      async ({ api, args: [name = ''], show }) => {
        const path = `/policies/${resourcePath(name)}/${verb}`;
        const answer = await api.send({ method: 'POST', path }, PolicyAnswer);
        show(answer, () => [`policy ${fullKey(name)} is ${verb}d`]);
      },
    );
  }
  talksToApi(
    policy.command('reload').description('let detector, workers and gitops look again now'),
    async ({ api, show }) => {
      const answer = await api.send({ method: 'POST', path: '/policies/reload' }, Reloaded);
      const { revision, policies } = answer;
      show(answer, () => [`looking again: revision ${revision}, ${policies} policies in use`]);
    },
  );
}

const SWITCHES = [
  ['enable', 'take a policy of the API into use again'],
  ['disable', 'take a policy of the API out of use; it stays listed and judges nothing'],
] as const;

/** The key of the one policy in a file; everything else about it is the API's to check. */
function nameIn(yaml: string, file: string): string {
  const { documents, problems } = readDocuments(yaml, file);
  if (problems.length > 0) throw new CliFailure(problems.map(formatProblem).join('\n'));
  const [document, ...others] = documents.filter(({ data }) => data !== null);
  if (document === undefined || others.length > 0) {
    throw new CliFailure(`${file} is not one policy; ./vigil apply takes several manifests`);
  }
  const body = (document.data ?? {}) as Record<string, unknown>;
  const { name, namespace = DEFAULT_NAMESPACE } = (body['metadata'] ?? body) as typeof body;
  if (typeof name === 'string' && typeof namespace === 'string') {
    return resourceKey(namespace, name);
  }
  throw new CliFailure(`${file} names no policy: it needs a name`);
}
