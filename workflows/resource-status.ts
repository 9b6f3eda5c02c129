import type { ResourceState } from '../domain/action/resource-state';
import { waitOf } from '../domain/action/story';
import type { ResourceStatus } from './contract';

/** What the query `status` answers. */
export function statusOf(state: ResourceState): ResourceStatus {
  return {
    resource: state.resource,
    policies: Object.entries(state.policies).map(([policy, p]) => ({
      policy,
      phase: p.phase.kind,
      ...waitOf(p),
    })),
  };
}
