import { verifyChain, type ChainLink } from '../domain/audit-chain';
import { chainStart, isCheckpointTold, newestCheckpoint } from '../storage/audit-retention';
import { sha256 } from '../platform/sha256';
import { loadChain } from '../storage/seals';
import type { Pool } from 'pg';

const BATCH = 1000;

/** What the proof of a namespace's chain came to. */
export interface Proof {
  ok: boolean;
  namespace: string;
  /** Number of the last sealed row that holds. */
  rows: number;
  firstBroken: number | null;
  /** Number of the link that the first remaining row follows. */
  from: number;
}

/** Computes a namespace's chain anew, from its beginning or from its newest checkpoint. */
export async function verifyNamespace(pool: Pool, namespace: string): Promise<Proof> {
  const start = await chainStart(pool, namespace);
  if (!(await isCheckpointTold(pool, namespace))) {
    const { number: from } = start;
    return { ok: false, namespace, rows: from, firstBroken: from + 1, from };
  }
  let last: ChainLink = start;
  for (;;) {
    const rows = await loadChain(pool, namespace, { after: last.number, limit: BATCH });
    const check = verifyChain(rows, last, sha256);
    if (!check.ok) {
      // Rows that were dropped meanwhile are no break: the chain begins elsewhere now.
      const begins = await chainStart(pool, namespace);
      if (begins.number !== start.number) return verifyNamespace(pool, namespace);
      const { rows: held, firstBroken } = check;
      return { ok: false, namespace, rows: held, firstBroken, from: start.number };
    }
    last = check.last;
    if (rows.length < BATCH) {
      return { ok: true, namespace, rows: last.number, firstBroken: null, from: start.number };
    }
  }
}

/**
 * The lines of an export: of each chain the checkpoint that it begins with, if rows were dropped,
 * and each row above `after` as one line of JSON. `./vigil audit verify --file` checks it anywhere.
 */
export async function* exportChain(
  pool: Pool,
  namespaces: readonly string[],
  after: number,
): AsyncGenerator<string> {
  for (const namespace of namespaces) {
    const checkpoint = await newestCheckpoint(pool, namespace);
    if (checkpoint !== null && checkpoint.number >= after) {
      const { number, hash } = checkpoint;
      yield `${JSON.stringify({ checkpoint: { namespace, number, hash } })}\n`;
    }
    for (let from = after; ;) {
      const rows = await loadChain(pool, namespace, { after: from, limit: BATCH });
      for (const row of rows) yield `${JSON.stringify(row)}\n`;
      from = rows.at(-1)?.number ?? from;
      if (rows.length < BATCH) break;
    }
  }
}
