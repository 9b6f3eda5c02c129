import { CATALOGUES } from '../activities/catalogue';
import { parseResourceKey, resourceKey } from '../domain/resource';
import { stepOf, verbsOf } from '../domain/action/runtime';
import type { Step, StepParams } from '../domain/policy/policy';
import { getResource, type ResourceRow } from '../storage/resources';
import type { ApiDeps } from './deps';
import { notFound, type Problem, unprocessable } from './problems';

/** `name` or `namespace/name` as people write it → the resource's key. */
export function toResourceKey(target: string): string {
  const { namespace, name } = parseResourceKey(target);
  return resourceKey(namespace, name);
}

/** The resource, or 404. */
export async function findResource(deps: ApiDeps, resource: string): Promise<ResourceRow> {
  const row = await getResource(deps.pool, deps.now(), resource);
  if (row === null) throw notFound(`there is no resource ${resource}`);
  return row;
}

/**
 * The step under its verb's own name, with what an alias brings along, after checking that the
 * resource's runtime has it and its parameters. Throws 422 with every problem.
 */
export function checkStep(
  resource: Pick<ResourceRow, 'resource' | 'spec'>,
  action: string,
  params: StepParams,
): Step {
  const type = resource.spec?.runtime.type;
  const catalogue = CATALOGUES.find((one) => one.type === type);
  if (catalogue === undefined) {
    throw unprocessable(`${resource.resource} has no runtime to act on`, [
      { field: 'target', message: 'is only observed; describe it in a Service manifest' },
    ]);
  }
  const step = stepOf(catalogue, action);
  const runtime = resource.spec?.runtime;
  const verbs = runtime === undefined ? [] : verbsOf(catalogue, runtime);
  if (!verbs.includes(step.action)) {
    const known = verbs.join(', ');
    throw unprocessable(`runtime ${catalogue.type} cannot ${action}`, [
      { field: 'action', message: `is no verb of runtime ${catalogue.type}; known: ${known}` },
    ]);
  }
  const verb = catalogue.verbs.find((one) => one.verb === step.action);
  const problems = Object.entries(params).flatMap(([param, value]): Problem[] => {
    if (verb === undefined) return [];
    const field = `params.${param}`;
    const spec = verb.params.find((one) => one.name === param);
    if (spec === undefined) return [{ field, message: `is no parameter of ${verb.verb}` }];
    return typeof value === spec.type ? [] : [{ field, message: `must be a ${spec.type}` }];
  });
  if (problems.length > 0) throw unprocessable('the parameters do not fit the action', problems);
  return { action: step.action, params: { ...step.params, ...params } };
}
