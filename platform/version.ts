import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Version of the package that this code belongs to, compiled or not; `unknown` without one. */
export function readVersion(): string {
  for (let folder = __dirname; ; folder = dirname(folder)) {
    const version = versionIn(folder);
    if (version !== null) return version;
    if (folder === dirname(folder)) return 'unknown';
  }
}

function versionIn(folder: string): string | null {
  try {
    const text = readFileSync(join(folder, 'package.json'), 'utf8');
    return (JSON.parse(text) as { version?: string }).version ?? null;
  } catch {
    return null;
  }
}
