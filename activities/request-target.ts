import type { Resource, ServiceSpec } from '../domain/resource';
import { query, type Db } from '../storage/database';

export function notActionable(resource: Resource): string | null {
  if (resource.spec === null) return 'no manifest describes this resource: it is only observed';
  if (resource.host !== null) {
    return `it runs on host ${resource.host}, and this version acts on the control host only`;
  }
  return null;
}

export async function holderOf(db: Db, target: string): Promise<string | null> {
  const [slot] = await query<{ action_id: string }>(
    db,
    'select action_id from slots where target = $1',
    [target],
  );
  return slot?.action_id ?? null;
}

/** Only resources with a manifest come this far: gate `not_actionable`. */
export function specOf({ key, spec }: Resource): ServiceSpec {
  if (spec === null) throw new Error(`${key} has no manifest`);
  return spec;
}
