import type { Resource, ServiceSpec } from '../domain/resource';
import { query, type Db } from '../storage/database';

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
