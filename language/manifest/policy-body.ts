import type { ResourceName } from '../../domain/resource';
import { isRecord, printed, type Context } from './shape';

/** Where a policy is to be: what a body leaves out is taken from here, what it says must agree. */
export type PolicyPlace = Partial<ResourceName>;

type Fields = Readonly<Record<string, unknown>>;

export interface PolicyBody {
  /** False: the spec's fields with `name` and `namespace` beside them. */
  isManifest: boolean;
  data: Fields;
}

const ENVELOPE = ['apiVersion', 'kind', 'metadata', 'spec'];

/** The body with its name and namespace filled in; null after reporting that it is not this policy. */
export function withPlace(data: Fields, place: PolicyPlace, context: Context): PolicyBody | null {
  const isManifest = ENVELOPE.some((field) => field in data);
  if (!isManifest) {
    return agrees(data, place, [], context) ? { isManifest, data: { ...place, ...data } } : null;
  }
  const { kind = 'Policy', metadata = {} } = data;
  if (kind !== 'Policy') {
    context.report(['kind'], `"kind" must be Policy, not ${printed(kind)}`);
    return null;
  }
  // What is no mapping is the manifest's own check to report.
  if (!isRecord(metadata)) return { isManifest, data };
  if (!agrees(metadata, place, ['metadata'], context)) return null;
  return { isManifest, data: { ...data, metadata: { ...place, ...metadata } } };
}

function agrees(
  given: Fields,
  place: PolicyPlace,
  path: readonly string[],
  context: Context,
): boolean {
  const fields = (['namespace', 'name'] as const).filter((field) => {
    const isOther = given[field] !== undefined && given[field] !== place[field];
    return place[field] !== undefined && isOther;
  });
  for (const field of fields) {
    const expected = printed(place[field]);
    context.report(
      [...path, field],
      `"${field}" must be ${expected} as in the address, or left out; not ${printed(given[field])}`,
    );
  }
  return fields.length === 0;
}
