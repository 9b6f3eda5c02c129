import { verbsOf, type RuntimeCatalogue } from '../../domain/action/runtime';
import { NOTIFY, type Limits, type Policy } from '../../domain/policy/policy';
import { isTarget } from '../../domain/policy/targets';
import { memberKey, parseResourceKey, resourceKey } from '../../domain/resource';
import type { CompiledManifest } from '../manifest/compile';
import type { Problem } from '../problem';

/** What only the objects of a whole set show: actions that a target's runtime lacks, policies without a target. */
export function lintTogether(
  objects: readonly CompiledManifest[],
  catalogue: readonly RuntimeCatalogue[],
): Problem[] {
  const services = objects.filter(({ service }) => service !== null);
  return objects
    .filter(({ kind }) => kind === 'Policy')
    .flatMap((object) => lintTargets(object, services, catalogue));
}

function lintTargets(
  object: CompiledManifest,
  services: readonly CompiledManifest[],
  catalogue: readonly RuntimeCatalogue[],
): Problem[] {
  return object.policies.flatMap((policy) => {
    const targets = services.filter((service) =>
      candidatesOf(service).some((candidate) => isTarget(policy, candidate)),
    );
    if (services.length > 0 && targets.length === 0) {
      const message = `Policy ${policy.key} targets none of the Services that were checked with it`;
      return [problem(object, message, 'warning')];
    }
    if (targets.length === 0) return ownVerbs(object, policy, catalogue);
    return [
      ...roundedToNothing(object, policy.limits, targets.flatMap(candidatesOf)),
      ...policy.steps.flatMap(({ action }) =>
        lacking(object, { action, targets, catalogue, mode: policy.mode }),
      ),
    ];
  });
}

/** No Service was checked with it, so that nobody can say whether one has these verbs. */
function ownVerbs(
  object: CompiledManifest,
  { steps }: Policy,
  catalogue: readonly RuntimeCatalogue[],
): Problem[] {
  const known = [NOTIFY, ...catalogue.flatMap(({ verbs }) => verbs.map(({ verb }) => verb))];
  return steps
    .filter(({ action }) => !known.includes(action))
    .map(({ action }) =>
      problem(
        object,
        `no runtime has the action ${action} by itself; a Service must name it (runtime script or webhook), and none was checked with it`,
        'warning',
      ),
    );
}

/** 40 % of 1 = 0: it would never act. */
function roundedToNothing(
  object: CompiledManifest,
  { maxConcurrentPercent: percent }: Limits,
  targets: readonly unknown[],
): Problem[] {
  if (percent === undefined || Math.floor((percent * targets.length) / 100) >= 1) return [];
  const message = `limits.maxConcurrent: ${percent} % of ${targets.length} = 0: never heals`;
  return targets.length === 0 ? [] : [problem(object, message, 'error')];
}

function lacking(
  object: CompiledManifest,
  {
    action,
    targets,
    catalogue,
    mode,
  }: {
    action: string;
    /** A dry run may name what cannot be done yet. */
    mode: Policy['mode'];
    targets: readonly CompiledManifest[];
    catalogue: readonly RuntimeCatalogue[];
  },
): Problem[] {
  return targets.flatMap(({ namespace, name, service }) => {
    const type = service?.runtime.type;
    const runtime = catalogue.find((one) => one.type === type);
    if (service === null || runtime === undefined) return [];
    const verbs = verbsOf(runtime, service.runtime);
    if (verbs.includes(action)) return [];
    const message = `the action ${action} cannot be done to Service ${resourceKey(namespace, name)}: its runtime ${runtime.type} has ${verbs.join(', ')}`;
    return [problem(object, message, mode === 'dry-run' ? 'warning' : 'error')];
  });
}

/** The resources a Service makes, as far as targets look at them. */
function candidatesOf({ namespace, name, service, labels }: CompiledManifest) {
  const hosts = service?.hosts ?? [];
  const keys =
    hosts.length === 0
      ? [resourceKey(namespace, name)]
      : hosts.map((host) => memberKey(namespace, name, host));
  return keys.map((key) => ({
    namespace,
    name: parseResourceKey(key).name,
    service: name,
    labels,
  }));
}

function problem(
  { file, line }: CompiledManifest,
  message: string,
  severity: Problem['severity'],
): Problem {
  return { file, line, column: 1, message, severity };
}
