import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAUSE_FILE } from '../domain/action/pause';

/** The reason in the file PAUSE of a home; null: there is none, and effects may happen. */
export function pausedByFile(home: string): string | null {
  try {
    const text = readFileSync(join(home, PAUSE_FILE), 'utf8').trim();
    return text === '' ? 'by hand' : text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    // It is there and cannot be read: whoever put it there meant it.
    return 'its reason cannot be read';
  }
}
