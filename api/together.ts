import { CATALOGUES } from '../activities/catalogue';
import { lintTogether, namespacesNamed } from '../language/lint/together';
import { compileDocument, type CompiledManifest } from '../language/manifest/compile';
import type { Problem as Found } from '../language/problem';
import { listManifests } from '../storage/manifests-read';
import type { ApiDeps } from './deps';
import { API_SOURCE, toProblems, type Warnings } from './manifest-body';
import { unprocessable } from './problems';

/** Of one kind in one namespace. */
const MAX_OBJECTS = 10_000;

/**
 * What the objects of a body say only together: verbs that a runtime lacks, limits that come to 0,
 * circles of dependencies. Answers the warnings, throws 422 for the rest.
 */
export async function judgeTogether(
  deps: ApiDeps,
  objects: readonly CompiledManifest[],
): Promise<Warnings> {
  if (!objects.some(isJudged)) return [];
  // 20 % of one target are none; of this one and those that are in force they may be some.
  const found = lintTogether(objects, CATALOGUES, await othersInForce(deps, objects));
  const told = (severity: Found['severity']) =>
    toProblems(found.filter((one) => one.severity === severity));
  const problems = told('error');
  if (problems.length > 0) throw unprocessable('the manifests are not valid', problems);
  return told('warning');
}

/** Whether the rules look at others when they judge it. */
function isJudged({ kind, service }: CompiledManifest): boolean {
  return kind === 'Service' ? service?.dependsOn !== undefined : kind !== 'Approvers';
}

const LOOKED_AT = ['Service', 'Group', 'Approvers'] as const;

/** Those of the namespaces in question that the body does not replace. */
async function othersInForce(
  { pool }: ApiDeps,
  objects: readonly CompiledManifest[],
): Promise<CompiledManifest[]> {
  const named = objects.flatMap((object) => [object.namespace, ...namespacesNamed(object)]);
  const page = { after: null, limit: MAX_OBJECTS };
  const filters = [...new Set(named)].flatMap((namespace) =>
    LOOKED_AT.map((kind) => ({ source: null, kind, namespace })),
  );
  const rows = (
    await Promise.all(filters.map((filter) => listManifests(pool, filter, page)))
  ).flat();
  const options = { file: API_SOURCE, catalogue: CATALOGUES };
  return rows
    .filter((row) => !objects.some((one) => isSame(one, row)))
    .flatMap(({ document }) => compileDocument(document, options).objects);
}

type Name = Pick<CompiledManifest, 'namespace' | 'name'> & { kind: string };

function isSame(a: Name, b: Name): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}
