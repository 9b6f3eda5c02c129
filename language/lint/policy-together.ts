import { BUILT_IN, verbsOf } from '../../domain/action/runtime';
import type { Approval, Policy } from '../../domain/policy/policy';
import { resourceKey } from '../../domain/resource';
import type { CompiledManifest } from '../manifest/compile';
import { suggest } from '../problem';
import {
  keyOf,
  nobodyMeant,
  roundedToNothing,
  targetsOf,
  type KnownResource,
  type Remark,
  type Whole,
} from './whole';

/** What a policy's targets, its group and its approvers show of it. */
export function policyRemarks(object: CompiledManifest, whole: Whole): Remark[] {
  const isLadder = object.places.has('steps');
  return object.policies.flatMap((policy) => remarksOf(policy, isLadder, whole));
}

function remarksOf(policy: Policy, isLadder: boolean, whole: Whole): Remark[] {
  const targets = targetsOf(whole, policy);
  return [
    ...(targets.length === 0
      ? [
          ...nobodyMeant(whole, 'target', `Policy ${policy.key} targets`),
          ...ownVerbs(policy, isLadder, whole),
        ]
      : [
          ...shares(policy, targets.length, whole),
          ...lacking(policy, { targets, isLadder }, whole),
        ]),
    ...unknownGroup(policy, whole),
    ...approvalRemarks(policy, whole),
  ];
}

/** No Service was checked with it, so that nobody can say whether one has these verbs. */
function ownVerbs({ steps }: Policy, isLadder: boolean, { catalogue }: Whole): Remark[] {
  const known = [BUILT_IN, ...catalogue].flatMap(({ verbs }) => verbs.map(({ verb }) => verb));
  return steps.flatMap(({ action }, i): Remark[] =>
    known.includes(action)
      ? []
      : [
          {
            severity: 'warning',
            field: isLadder ? `steps.${i}.action` : 'action',
            message: `no runtime has the action ${action} by itself; a Service must name it (runtime script or webhook), and none was checked with it`,
          },
        ],
  );
}

/** `maxUnhealthy` is a share of the group that the policy names, else of its targets. */
function shares({ limits }: Policy, total: number, whole: Whole): Remark[] {
  const { maxConcurrentPercent: percent, maxUnhealthy } = limits;
  const group = limits.group === undefined ? undefined : whole.groups.get(limits.group);
  const ofGroup = group === undefined ? total : targetsOf(whole, group).length;
  const maxConcurrent = percent === undefined ? undefined : ({ kind: 'percent', percent } as const);
  return [
    ...roundedToNothing(maxConcurrent, { field: 'limits.maxConcurrent', total }),
    ...roundedToNothing(maxUnhealthy, { field: 'limits.maxUnhealthy', total: ofGroup }),
  ];
}

/** Actions that a target's runtime does not have. */
function lacking(
  { steps, mode }: Policy,
  { targets, isLadder }: { targets: readonly KnownResource[]; isLadder: boolean },
  { catalogue }: Whole,
): Remark[] {
  const services = [...new Set(targets.map(({ made }) => made))];
  return steps.flatMap(({ action }, i) =>
    services.flatMap((target): Remark[] => {
      const runtime = catalogue.find(({ type }) => type === target.service?.runtime.type);
      if (runtime === undefined || target.service === null) return [];
      const builtIn = BUILT_IN.verbs.map(({ verb }) => verb);
      const verbs = [...verbsOf(runtime, target.service.runtime), ...builtIn];
      if (verbs.includes(action)) return [];
      const field = isLadder ? `steps.${i}.action` : 'action';
      const message = `the action ${action} cannot be done to Service ${keyOf(target)}: its runtime ${runtime.type} has ${verbs.join(', ')}`;
      // A dry run may name what cannot be done yet.
      return [{ severity: mode === 'dry-run' ? 'warning' : 'error', field, message }];
    }),
  );
}

/** The gates hold what was promised the limits of a group that is not there. */
function unknownGroup({ limits: { group } }: Policy, { groups }: Whole): Remark[] {
  if (group === undefined || groups.has(group)) return [];
  const hint = suggest(group, groups.keys()) || '; without it the policy is held';
  const message = `none of the manifests that were checked with it makes the group ${group}${hint}`;
  return [{ severity: 'warning', field: 'limits.group', message }];
}

function approvalRemarks({ approval, namespace }: Policy, whole: Whole): Remark[] {
  if (approval === null) return [];
  const lists = [
    ['approval.of', approval.of],
    ['approval.escalateTo', approval.escalateTo],
  ] as const;
  return lists.flatMap(([field, names]) =>
    names === undefined ? [] : deciderRemarks(names, { field, approval, namespace }, whole),
  );
}

const USER = 'user:';

function deciderRemarks(
  names: readonly string[],
  { field, approval, namespace }: { field: string; approval: Approval; namespace: string },
  { approvers }: Whole,
): Remark[] {
  const lists = names.filter((name) => !name.startsWith(USER));
  const unknown = lists.filter((name) => !approvers.has(resourceKey(namespace, name)));
  if (unknown.length > 0) {
    const known = [...approvers.values()].filter((one) => one.namespace === namespace);
    return unknown.map((name): Remark => {
      const key = resourceKey(namespace, name);
      const message = `none of the manifests that were checked with it makes Approvers ${key}${suggest(
        name,
        known.map((one) => one.name),
      )}`;
      return { severity: 'warning', field, message };
    });
  }
  const people = new Set([
    ...names.filter((name) => name.startsWith(USER)).map((name) => name.slice(USER.length)),
    ...lists.flatMap((name) => approvers.get(resourceKey(namespace, name))?.members ?? []),
  ]);
  if (people.size >= approval.required) return [];
  const message = `approval.required: ${approval.required} of ${people.size} is never reached`;
  return [{ severity: 'error', field, message }];
}
