import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Journal, JournalKey, StepKey } from '../domain/action/journal';
import { TransientError, type Snapshot, type StepResult } from '../domain/action/runtime';
import { DRAFT_SUFFIX, syncFolder, writeDurably } from '../platform/durable-file';
import { awaitName } from '../platform/exclusive';

/** No action lives so long; what ended is told again within minutes, or never. */
const KEEP_ENDED_MS = 7 * 86_400_000;
const KEEP_BEGUN_MS = 90 * 86_400_000;
const KEEP_DRAFTS_MS = 3_600_000;

export interface FileJournal extends Journal {
  /** Deletes what nobody asks for any more; fences stay. Returns how many files went. */
  compact: () => Promise<number>;
}

export interface FileJournalOptions {
  /** Made where it is missing; only this user may read it. */
  folder: string;
  /** Epoch ms. */
  now: () => number;
  /** Replaces a file so that it outlives a crash; default: writeDurably. */
  write?: (path: string, content: string) => Promise<void>;
}

interface StepFile {
  target: string;
  token: number;
  snapshot: Snapshot;
  /** Epoch ms by this machine's clock. */
  begunAt: number;
  ended?: { at: number; result: StepResult | null };
}

interface FenceFile {
  target: string;
  token: number;
}

/** The journal of a host: one small file per step and per target, each replaced as a whole. */
export async function openFileJournal(options: FileJournalOptions): Promise<FileJournal> {
  const { folder, now, write = writeDurably } = options;
  const files = createFiles(folder, write);
  for (const part of [files.steps, files.fences]) {
    await mkdir(part, { recursive: true, mode: 0o700 });
  }
  await syncFolder(folder);
  const { dev, ino } = await stat(folder);

  return {
    async withTargetLock(target, { waitMs, signal }, work) {
      const wait = signal === undefined ? { waitMs } : { waitMs, signal };
      const release = await awaitName(`journal:${dev}:${ino}:${target}`, wait);
      if (release === null) {
        throw new TransientError(`another attempt has worked on ${target} for ${waitMs} ms`);
      }
      return work().finally(release);
    },

    async begin(key, snapshot) {
      const highest = await files.obey(key);
      if (highest > key.token) return { kind: 'stale', highest };
      const seen = await files.readStep(key);
      // Nobody knows how far a damaged one came: like one that began.
      if (seen === DAMAGED) return { kind: 'begun', snapshot };
      if (seen?.ended !== undefined) return { kind: 'ended', result: seen.ended.result };
      if (seen !== null) return { kind: 'begun', snapshot: seen.snapshot };
      const { target, token } = key;
      await files.writeStep(key, { target, token, snapshot, begunAt: now() });
      return { kind: 'fresh' };
    },

    async end(key, result) {
      const seen = await files.readStep(key);
      const { target, token } = key;
      // The effect has happened: that is written down whatever became of the beginning.
      const unknown = { identity: null, takenAt: now() };
      const isWhole = seen !== null && seen !== DAMAGED;
      const begun = isWhole ? seen : { target, token, snapshot: unknown, begunAt: now() };
      await files.writeStep(key, { ...begun, ended: { at: now(), result } });
    },

    async snapshotOf(key) {
      const seen = await files.readStep(key);
      if (seen === DAMAGED) throw new Error(`the journal of step ${key.step} is damaged`);
      return seen?.snapshot ?? null;
    },

    fence: files.fence,

    async compact() {
      const steps = await sweep(files.steps, (path) => isOld(path, now()));
      return steps + (await sweep(files.fences, (path) => isOldDraft(path, now())));
    },
  };
}

type Write = NonNullable<FileJournalOptions['write']>;

interface Files {
  /** Folders. */
  steps: string;
  fences: string;
  readStep: (key: StepKey) => Promise<StepFile | null | typeof DAMAGED>;
  writeStep: (key: StepKey, file: StepFile) => Promise<void>;
  fence: (target: string) => Promise<number>;
  /** Raises the fence where the token is higher; returns where it stands. */
  obey: (key: JournalKey) => Promise<number>;
}

function createFiles(folder: string, write: Write): Files {
  const steps = join(folder, 'steps');
  const fences = join(folder, 'fences');
  const stepPath = ({ actionId, step }: StepKey): string => {
    // It comes from a payload and must never lead out of the folder.
    if (!/^[\w-]+$/.test(actionId)) throw new Error(`"${actionId}" is no id of an action`);
    return join(steps, `${actionId}.${step}.json`);
  };
  const fencePath = (target: string): string =>
    join(fences, `${createHash('sha256').update(target).digest('hex')}.json`);

  async function fence(target: string): Promise<number> {
    const path = fencePath(target);
    const seen = await readJson<FenceFile>(path);
    if (seen !== DAMAGED) return seen?.token ?? 0;
    throw new Error(
      `${path} is damaged, and says which slot of ${target} was obeyed last: put it back, or delete it once no action on ${target} is open`,
    );
  }

  return {
    steps,
    fences,
    readStep: (key) => readJson<StepFile>(stepPath(key)),
    writeStep: (key, file) => write(stepPath(key), JSON.stringify(file)),
    fence,
    async obey({ target, token }) {
      const highest = await fence(target);
      const file: FenceFile = { target, token };
      if (token > highest) await write(fencePath(target), JSON.stringify(file));
      return Math.max(highest, token);
    },
  };
}

/** A file that is there and cannot be understood; writes being atomic, a crash alone makes none. */
const DAMAGED = Symbol('damaged');

async function readJson<T>(path: string): Promise<T | null | typeof DAMAGED> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch {
    return DAMAGED;
  }
}

async function sweep(folder: string, isDue: (path: string) => Promise<boolean>): Promise<number> {
  let gone = 0;
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!(await isDue(path))) continue;
    await unlink(path);
    gone += 1;
  }
  return gone;
}

async function isOld(path: string, now: number): Promise<boolean> {
  if (path.endsWith(DRAFT_SUFFIX)) return isOldDraft(path, now);
  const seen = await readJson<StepFile>(path);
  if (seen === null || seen === DAMAGED) return false;
  return seen.ended === undefined
    ? now - seen.begunAt > KEEP_BEGUN_MS
    : now - seen.ended.at > KEEP_ENDED_MS;
}

/** What a crash left of a write; a young one may be a write under way. */
async function isOldDraft(path: string, now: number): Promise<boolean> {
  if (!path.endsWith(DRAFT_SUFFIX)) return false;
  return now - (await stat(path)).mtimeMs > KEEP_DRAFTS_MS;
}
