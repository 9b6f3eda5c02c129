import type { Resource, ServiceSpec } from '../domain/resource';

/** Stands for the spec that an observed resource has not: no runtime is ever asked about it. */
export const UNMANAGED: ServiceSpec = {
  runtime: { type: 'config' },
  ...{ hosts: [], labels: {}, healthCheck: null, config: [] },
  sync: { mode: 'detect', cooldownMs: 0 },
};

/** Only resources with a manifest come this far: gate `not_actionable`. */
export function specOf({ key, spec }: Resource): ServiceSpec {
  if (spec === null) throw new Error(`${key} has no manifest`);
  return spec;
}
