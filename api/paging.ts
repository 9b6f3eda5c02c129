import { z } from 'zod';
import { HttpProblem } from './problems';

/** Query fields of every list. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().min(1).max(1000).optional(),
};

export interface Page<T> {
  items: T[];
  /** Pass it back as `cursor`; null at the end. */
  nextCursor: string | null;
}

/** The schema of a list's answer. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** The place a cursor stands for, null without one; a cursor that we never gave answers 422. */
export function readCursor<S extends z.ZodType>(
  cursor: string | undefined,
  schema: S,
): z.output<S> | null {
  if (cursor === undefined) return null;
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch (cause) {
    const problem = { field: 'cursor', message: 'is not a cursor that an earlier answer gave' };
    throw new HttpProblem(422, 'the cursor cannot be read', { problems: [problem], cause });
  }
}

/**
 * Makes a page of the rows found; ask for `limit + 1` rows, so that the end is known.
 * `placeOf` says where the next page starts after a row.
 */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  map: { itemOf: (row: Row) => Item; placeOf: (row: Row) => unknown },
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  const place = hasMore ? JSON.stringify(map.placeOf(last)) : null;
  return {
    items: shown.map((row) => map.itemOf(row)),
    nextCursor: place === null ? null : Buffer.from(place).toString('base64url'),
  };
}
