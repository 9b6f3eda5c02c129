import type { Resource } from '../resource';

/** Why no action can be taken on a resource at all; null when it can. */
export function notActionable(resource: Resource): string | null {
  if (resource.spec === null) return 'no manifest describes this resource: it is only observed';
  if (resource.host !== null) {
    return `it runs on host ${resource.host}, and this version acts on the control host only`;
  }
  return null;
}
