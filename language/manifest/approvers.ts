import { z } from 'zod';
import type { Approvers } from '../../domain/approvers';
import { resourceKey, type ResourceName } from '../../domain/resource';
import type { SpecPlace } from './kinds';
import { noneTwice, personField } from './approval';
import { check } from './shape';

export const approversSchema = z.strictObject({
  members: z.array(personField).min(1, 'must be a list of at least one person: [alice, bob]'),
});

/** Compiles Approvers' `spec`; null after reporting what is wrong. */
export function compileApprovers(
  id: ResourceName,
  { spec, path, context }: SpecPlace,
): Approvers | null {
  const data = check(approversSchema, spec, { path, context });
  if (data === null) return null;
  noneTwice(data.members, [...path, 'members'], context);
  return { key: resourceKey(id.namespace, id.name), ...id, members: data.members };
}
