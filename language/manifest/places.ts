import { isRecord } from './shape';
import type { Path, Position, SourceDocument } from './source';

/** Where the fields of a spec stand, by their path in it: `limits.group`, `steps.0.action`. */
export type Places = ReadonlyMap<string, Position>;

/** Mappings below that are data, such as labels, and may be long. */
const MAX_DEPTH = 2;

/** The places of the spec at `base`, and of what is in it. */
export function placesOf(source: SourceDocument, base: Path): Places {
  const places = new Map<string, Position>();
  const visit = (value: unknown, path: Path, depth: number): void => {
    places.set(path.join('.'), source.locate([...base, ...path], { part: 'value' }));
    const isList = Array.isArray(value);
    if (!isList && depth === MAX_DEPTH) return;
    for (const [step, part] of partsOf(value))
      visit(part, [...path, step], depth + (isList ? 0 : 1));
  };
  const spec = base.reduce<unknown>(
    (value, step) => new Map(partsOf(value)).get(step),
    source.data,
  );
  visit(spec, [], 0);
  return places;
}

function partsOf(value: unknown): [string | number, unknown][] {
  if (Array.isArray(value)) return value.map((part: unknown, i) => [i, part]);
  return isRecord(value) ? Object.entries(value) : [];
}

/** The place of that field, or of the nearest one around it that was written. */
export function placeOf(places: Places, field: string): Position {
  const found = places.get(field);
  if (found !== undefined) return found;
  if (field === '') return { line: 1, column: 1, prefix: '' };
  return placeOf(places, field.slice(0, Math.max(field.lastIndexOf('.'), 0)));
}
