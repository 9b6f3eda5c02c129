import { existsSync } from 'node:fs';

/** The oracle, where it is built; null: it is not. */
export function findPromtool(): Promise<string | null> {
  const path = process.env['PROMTOOL'] ?? '/tmp/pt/promtool';
  return Promise.resolve(existsSync(path) ? path : null);
}
