import { z } from 'zod';
import { parseResourceKey, resourceKey } from '../../domain/resource';

const NAME = '[a-z0-9]([a-z0-9._-]*[a-z0-9])?';
const OTHER = new RegExp(`^(${NAME}/)?${NAME}$`);
const RESOURCE = new RegExp(`^(${NAME}/)?${NAME}(@${NAME})?$`);

/** The name of another manifest: `web`, or `other-namespace/web`. */
export const manifestReference = z
  .string()
  .regex(OTHER, 'must be a name, or namespace/name, in lower-case letters, digits, ".", "_", "-"');

/** The name of a Service, or of its member on one host: `db`, `other-namespace/db`, `db@a`. */
export const resourceReference = z
  .string()
  .regex(RESOURCE, 'must be a Service: name or namespace/name, or its member on a host: name@host');

/** The key of what a manifest of that namespace names. */
export function keyOf(reference: string, namespace: string): string {
  if (!reference.includes('/')) return resourceKey(namespace, reference);
  const { namespace: other, name } = parseResourceKey(reference);
  return resourceKey(other, name);
}
