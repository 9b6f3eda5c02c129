import { canonicalJson } from './canonical-json';

/**
 * The hash chain of one namespace's audit rows: each row's hash covers its content and the hash
 * before it, so that whoever changes, adds or leaves out a row changes every hash after it.
 */

/** What the first row of a chain follows. */
export const GENESIS_HASH = '0'.repeat(64);

/** The part of an audit row that a hash covers. `at` is RFC 3339 UTC with microseconds, as stored. */
export interface SealedContent {
  id: number;
  namespace: string;
  resource: string | null;
  policy: string | null;
  actionId: string | null;
  step: number;
  event: string;
  actor: string;
  door: string;
  correlationId: string | null;
  policyRevision: number | null;
  /** SHA-256 of what the decision was made on; rows without one are hashed without the field. */
  inputsHash: string | null;
  details: unknown;
  at: string;
}

export interface ChainLink {
  number: number;
  hash: string;
}

export type SealedRow = SealedContent & ChainLink & { previousHash: string };

export const GENESIS: ChainLink = { number: 0, hash: GENESIS_HASH };

export type ChainCheck =
  { ok: true; rows: number; last: ChainLink } | { ok: false; rows: number; firstBroken: number };

/** Hex SHA-256 of a text in UTF-8; an argument, because domain code has no crypto. */
export type Sha256 = (text: string) => string;

/** The hash of a row that follows `previousHash`: over that hash and the row as canonical JSON. */
export function sealHash(previousHash: string, row: SealedContent, sha256: Sha256): string {
  const content = {
    ...{ id: row.id, namespace: row.namespace, resource: row.resource, policy: row.policy },
    ...{ actionId: row.actionId, step: row.step, event: row.event, actor: row.actor },
    ...{ door: row.door, correlationId: row.correlationId, policyRevision: row.policyRevision },
    // Rows of before the field existed keep their hashes.
    ...(row.inputsHash === null ? {} : { inputsHash: row.inputsHash }),
    ...{ details: row.details, at: row.at },
  };
  return sha256(previousHash + canonicalJson(content));
}

/** Checks consecutive rows of one chain against the link that they must follow. */
export function verifyChain(
  rows: readonly SealedRow[],
  after: ChainLink,
  sha256: Sha256,
): ChainCheck {
  let last = after;
  for (const row of rows) {
    const expected = { number: last.number + 1, hash: sealHash(last.hash, row, sha256) };
    const follows = row.number === expected.number && row.previousHash === last.hash;
    if (!follows || row.hash !== expected.hash) {
      return { ok: false, rows: last.number, firstBroken: expected.number };
    }
    last = expected;
  }
  return { ok: true, rows: last.number, last };
}
