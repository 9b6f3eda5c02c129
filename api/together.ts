import { CATALOGUES } from '../activities/catalogue';
import { lintTogether } from '../language/lint/together';
import { compileDocument, type CompiledManifest } from '../language/manifest/compile';
import type { Problem as Found } from '../language/problem';
import { listManifests } from '../storage/manifests-read';
import type { ApiDeps } from './deps';
import { API_SOURCE, toProblems, type Warnings } from './manifest-body';
import { unprocessable } from './problems';

const MAX_SERVICES = 10_000;

/**
 * What the objects of a body say only together: verbs that a runtime lacks, limits that come to 0.
 * Answers the warnings, throws 422 for the rest.
 */
export async function judgeTogether(
  deps: ApiDeps,
  objects: readonly CompiledManifest[],
): Promise<Warnings> {
  if (objects.every(({ kind }) => kind !== 'Policy')) return [];
  // 20 % of one target are none; of this one and those that are in force they may be some.
  const others = await servicesInForce(deps, objects);
  const found = lintTogether([...objects, ...others], CATALOGUES);
  const told = (severity: Found['severity']) =>
    toProblems(found.filter((one) => one.severity === severity));
  const problems = told('error');
  if (problems.length > 0) throw unprocessable('the manifests are not valid', problems);
  return told('warning');
}

/** Those of the same namespaces that the body does not replace. */
async function servicesInForce(
  { pool }: ApiDeps,
  objects: readonly CompiledManifest[],
): Promise<CompiledManifest[]> {
  const namespaces = [...new Set(objects.map(({ namespace }) => namespace))];
  const page = { after: null, limit: MAX_SERVICES };
  const filters = namespaces.map((namespace) => ({ source: null, kind: 'Service', namespace }));
  const rows = (
    await Promise.all(filters.map((filter) => listManifests(pool, filter, page)))
  ).flat();
  const options = { file: API_SOURCE, catalogue: CATALOGUES };
  return rows
    .filter((row) => !objects.some((one) => one.kind === 'Service' && isSame(one, row)))
    .flatMap(({ document }) => compileDocument(document, options).objects);
}

function isSame(
  a: Pick<CompiledManifest, 'namespace' | 'name'>,
  b: Pick<CompiledManifest, 'namespace' | 'name'>,
): boolean {
  return a.namespace === b.namespace && a.name === b.name;
}
