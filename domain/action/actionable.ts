import type { Resource } from '../resource';

/** Why no action can be taken on a resource at all; null when it can. */
export function notActionable(resource: Resource): string | null {
  if (resource.spec === null) return 'no manifest describes this resource: it is only observed';
  return null;
}
