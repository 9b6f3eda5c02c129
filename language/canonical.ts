import { createHash } from 'node:crypto';
import { canonicalJson } from '../domain/canonical-json';

/** SHA-256 of the canonical JSON, in hex. */
export function checksumOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
