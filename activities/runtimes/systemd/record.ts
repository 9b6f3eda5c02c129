import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../files/replace';

/**
 * The last restart of a unit from this host. systemd has no place for a key that would not reach
 * other units too (its environment reaches all of them, a drop-in asks for a reload of every unit
 * file): so it is written down here, fsynced, right before the effect and right after.
 */
export interface UnitRecord {
  /** `<action uuid>/<step>`. */
  key: string;
  /** InvocationID that the step was to end; null: systemd knew of none. */
  from: string | null;
  isDone: boolean;
}

const FILE = 'systemd.json';

/** Null: no step acted on it from here, or the file was damaged from outside. */
export async function readUnitRecord(folder: string): Promise<UnitRecord | null> {
  try {
    return JSON.parse(await readFile(join(folder, FILE), 'utf8')) as UnitRecord;
  } catch {
    return null;
  }
}

export async function writeUnitRecord(folder: string, record: UnitRecord): Promise<void> {
  await mkdir(folder, { recursive: true });
  const attributes = { mode: 0o644, owner: null, isOwnerWanted: false };
  await replaceFile(join(folder, FILE), `${JSON.stringify(record)}\n`, attributes);
}
