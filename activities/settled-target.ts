import { UNSEEN } from '../domain/action/opaque';
import type { Runtime, RuntimeTarget } from '../domain/action/runtime';
import { withTold } from '../domain/drift/compare';
import { asksForOwner, needsLook, settledOf, withSettled } from '../domain/drift/repair';
import type { Settled } from '../domain/drift/rules';
import type { Db } from '../storage/database';
import { loadAttributions } from '../storage/states';

/** Whether a target may have to be otherwise than its manifest says. */
export function hasRules({ spec, overrides = [] }: RuntimeTarget): boolean {
  return needsLook(spec) || overrides.length > 0;
}

/** The target with who made what differs, as far as its rules may ask for that and observers wrote it down. */
export async function withAttribution<T extends RuntimeTarget>(
  db: Db,
  target: T,
): Promise<T & Pick<RuntimeTarget, 'attribution'>> {
  if (!asksForOwner(target.spec)) return target;
  const attribution = (await loadAttributions(db, [target.resource])).get(target.resource);
  return attribution === undefined ? target : { ...target, attribution };
}

/** Where a target is not to be as its manifest says. It is looked at only where rules ask for it. */
export async function settleTarget(runtime: Runtime, target: RuntimeTarget): Promise<Settled[]> {
  const { spec, overrides = [] } = target;
  const observed = needsLook(spec)
    ? withTold(await runtime.observe(target), target.attribution ?? {})
    : UNSEEN;
  return settledOf(spec, observed, { overrides });
}

/** The target as a step is to see it: what is ignored, owned or overridden is not the manifest's to say. */
export function settledTarget<T extends RuntimeTarget>(
  target: T,
  settled: readonly Settled[],
): T & Pick<RuntimeTarget, 'settled'> {
  if (settled.length === 0) return target;
  return { ...target, spec: withSettled(target.spec, settled), settled };
}
