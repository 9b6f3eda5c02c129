import type { Attribution, ChangeKind, FactValue } from '../domain/drift/change';
import type { Severity } from '../domain/policy/policy';
import { query, type Db } from './database';

/** One difference between desired and observed; times in epoch ms. */
export interface DriftRow {
  id: number;
  resource: string;
  pointer: string;
  kind: ChangeKind;
  desired: FactValue | null;
  observed: FactValue | null;
  revision: number;
  onset: number;
  resolvedAt: number | null;
  /** Null: written before it was kept. */
  severity: Severity | null;
  /** Null: nobody knows. */
  attribution: Attribution | null;
  /** Who saw the resource last; null: nobody sees it any more. */
  observer: string | null;
}

/** Null: all. */
export interface DriftFilter {
  resource: string | null;
  namespace: string | null;
  isResolved: boolean | null;
  severity: Severity | null;
  kind: ChangeKind | null;
  /** How the pointer begins. */
  pointer: string | null;
  /** What differed at some time from `since` up to `until`, epoch ms. */
  since: number | null;
  until: number | null;
}

export const ANY_DRIFT: DriftFilter = {
  ...{ resource: null, namespace: null, isResolved: null, severity: null, kind: null },
  ...{ pointer: null, since: null, until: null },
};

const SELECT = `select id, d.resource, pointer, kind, desired, d.observed, revision, onset,
    resolved_at as "resolvedAt", severity, attribution, s.observer
  from drift_events d left join states s on s.resource = d.resource`;

/** Drift, newest first, with an id below `before`. */
export async function listDrift(
  db: Db,
  filter: DriftFilter,
  page: { before: number | null; limit: number },
): Promise<DriftRow[]> {
  return query<DriftRow & Record<string, unknown>>(
    db,
    `${SELECT}
     where ($1::text is null or d.resource = $1)
       and ($2::boolean is null or (resolved_at is not null) = $2)
       and ($3::bigint is null or id < $3)
       and ($5::text is null or split_part(d.resource, '/', 1) = $5)
       and ($6::text is null or severity = $6)
       and ($7::text is null or kind = $7)
       and ($8::text is null or starts_with(pointer, $8))
       and ($9::float8 is null or resolved_at is null or resolved_at >= to_timestamp($9 / 1000.0))
       and ($10::float8 is null or onset <= to_timestamp($10 / 1000.0))
     order by id desc limit $4`,
    [
      ...[filter.resource, filter.isResolved, page.before, page.limit, filter.namespace],
      ...[filter.severity, filter.kind, filter.pointer, filter.since, filter.until],
    ],
  );
}

/** One difference, or null. */
export async function getDrift(db: Db, id: number): Promise<DriftRow | null> {
  const [row] = await query<DriftRow & Record<string, unknown>>(db, `${SELECT} where id = $1`, [
    id,
  ]);
  return row ?? null;
}

/** How many differences are open, by severity. */
export async function countOpenDrift(db: Db): Promise<Map<Severity, number>> {
  const rows = await query<{ severity: Severity; open: number }>(
    db,
    // What was written before severities were kept counts as most differences do.
    `select coalesce(severity, 'warning') as severity, count(*) as open
     from drift_events where resolved_at is null group by 1`,
  );
  return new Map(rows.map(({ severity, open }) => [severity, open]));
}
