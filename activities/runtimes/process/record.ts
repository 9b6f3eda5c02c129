import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../files/replace';

/** The last start of a resource on this host, kept after its end: `process.json`. */
export interface ProcessRecord {
  bootId: string;
  pid: number;
  startTicks: number;
  /** `<action uuid>/<step>` or `start`. */
  key: string;
  incarnation: string;
  command: string[];
  /** Absent: an earlier Vigil started it. */
  variables?: StartedWith;
  startedAt: number;
}

/**
 * The variables that the manifest named at the start: a secret's reference, or null for a plain text,
 * which may be nobody else's business either: the record is for all to read.
 */
export type StartedWith = Readonly<Record<string, string | null>>;

const FILE = 'process.json';

/** Null: never started here, or the file was damaged from outside; the process is then searched for. */
export async function readRecord(folder: string): Promise<ProcessRecord | null> {
  try {
    return JSON.parse(await readFile(join(folder, FILE), 'utf8')) as ProcessRecord;
  } catch {
    return null;
  }
}

/** Readable for an agent that runs as another user, which may not read environments. */
export async function writeRecord(folder: string, record: ProcessRecord): Promise<void> {
  await replaceFile(join(folder, FILE), `${JSON.stringify(record)}\n`, {
    mode: 0o644,
    owner: null,
    isOwnerWanted: false,
  });
}
