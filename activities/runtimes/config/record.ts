import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../files/replace';

/** The last step that changed files here: written before the first change and after the reload. */
export interface ConfigRecord {
  /** `<action uuid>/<step>`, or that and `/restore`. */
  key: string;
  isDone: boolean;
}

const FILE = 'config.json';

/** Null: no step changed anything from here, or the file was damaged from outside. */
export async function readConfigRecord(folder: string): Promise<ConfigRecord | null> {
  try {
    return JSON.parse(await readFile(join(folder, FILE), 'utf8')) as ConfigRecord;
  } catch {
    return null;
  }
}

export async function writeConfigRecord(folder: string, record: ConfigRecord): Promise<void> {
  await mkdir(folder, { recursive: true });
  const attributes = { mode: 0o644, owner: null, isOwnerWanted: false };
  await replaceFile(join(folder, FILE), `${JSON.stringify(record)}\n`, attributes);
}
