import { query, type Db } from './database';

/** Why a source is not in force as it is now. */
export interface SourceError {
  message: string;
  /** `file:line:col: message`, the first of them; none where it could not be read. */
  problems: string[];
  /** Epoch ms. */
  since: number;
}

const MAX_PROBLEMS = 20;

/** As JSON, for whoever reads sources `n`. */
export const ERROR_OF_N = `(select jsonb_build_object('message', e.message, 'problems', e.problems,
    'since', round(extract(epoch from e.since) * 1000))
  from source_errors e where e.source = n.source)`;

/** Keeps why it is not in force; null: it is. The time stays that of the first word of the same. */
export async function setSourceError(
  db: Db,
  source: string,
  error: Omit<SourceError, 'since'> | null,
): Promise<void> {
  if (error === null) {
    await query(db, 'delete from source_errors where source = $1', [source]);
    return;
  }
  const problems = JSON.stringify(error.problems.slice(0, MAX_PROBLEMS));
  await query(
    db,
    `insert into source_errors as e (source, message, problems) values ($1, $2, $3)
     on conflict (source) do update set message = excluded.message, problems = excluded.problems,
       since = now()
     where (e.message, e.problems) is distinct from (excluded.message, excluded.problems)`,
    [source, error.message, problems],
  );
}

/** Of sources that nobody reads any more nothing is said. */
export async function keepSourceErrors(db: Db, sources: readonly string[]): Promise<void> {
  await query(db, 'delete from source_errors where source <> all($1)', [sources]);
}
