import { CATALOGUES } from '../activities/catalogue';
import { BUILT_IN } from '../domain/action/runtime';
import type { CompiledManifest } from '../language/manifest/compile';
import { listOwnVerbs } from '../storage/resources';
import type { ApiDeps } from './deps';
import { API_SOURCE } from './manifest-body';
import { unprocessable, type Problem } from './problems';

/**
 * A policy comes over REST alone, so that the Services in force say which verbs of their own there
 * are: one that neither a runtime nor such a Service of its namespace has is a mistake. Throws 422.
 */
export async function refuseUnknownVerbs(
  { pool }: Pick<ApiDeps, 'pool'>,
  { namespace, policies }: CompiledManifest,
): Promise<void> {
  const known = [BUILT_IN, ...CATALOGUES].flatMap(({ verbs }) => verbs.map(({ verb }) => verb));
  const actions = policies.flatMap(({ steps }) => steps.map(({ action }) => action));
  const foreign = actions.filter((action) => !known.includes(action));
  if (foreign.length === 0) return;
  const own = await listOwnVerbs(pool, namespace);
  const problems = foreign
    .filter((action) => !own.includes(action))
    .map((action): Problem => {
      const message = `no runtime has the action "${action}", and no Service of ${namespace} names it; known: ${known.join(', ')}`;
      return { field: `${API_SOURCE}:1:1`, message };
    });
  if (problems.length > 0) throw unprocessable('the manifests are not valid', problems);
}
