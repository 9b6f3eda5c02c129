import { open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The last start of a resource on this host, kept after its end: `process.json`. */
export interface ProcessRecord {
  bootId: string;
  pid: number;
  startTicks: number;
  /** `<action uuid>/<step>` or `start`. */
  key: string;
  incarnation: string;
  command: string[];
  startedAt: number;
}

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
  await replaceFile(join(folder, FILE), `${JSON.stringify(record)}\n`, { mode: 0o644 });
}

/**
 * Writes beside the file, fsyncs and renames: a reader, or a crash, sees the old or the new
 * content and nothing between. `owner` is kept where the user may set it.
 */
export async function replaceFile(
  path: string,
  content: string,
  options: { mode: number; owner?: { uid: number; gid: number } },
): Promise<void> {
  const temporary = `${path}.vigil-${process.pid}`;
  const file = await open(temporary, 'w', options.mode);
  try {
    await file.writeFile(content);
    // The mode given to open is subject to the umask.
    await file.chmod(options.mode);
    if (options.owner !== undefined && process.getuid?.() === 0) {
      await file.chown(options.owner.uid, options.owner.gid);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}
