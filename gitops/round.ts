import { createHash, randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Logger } from '../platform/logger';
import { isDatabaseAway } from '../storage/away';
import { applyRevision, recordRefusal, sourceStatus } from '../storage/manifests';
import type { ManifestObject, RevisionResult } from '../storage/manifests';
import type { Pin } from '../storage/manifest-sources';
import { setSourceError } from '../storage/source-errors';
import { SourceAwayError, type Origin, type Source, type SourceFile } from './sources/source';

export interface Compiled {
  objects: readonly ManifestObject[];
  /** `file:line:col: message`; with one of them nothing is applied. */
  problems: string[];
  warnings: string[];
}

export type Compile = (files: readonly SourceFile[]) => Promise<Compiled>;

export interface SourceStatus {
  source: string;
  /** Newest revision in force; null: none yet. */
  revision: number | null;
  /** Since the source was last found to be in force; null: not since this process began. */
  ageSeconds: number | null;
  /** Why it is not in force as it is now: cannot be read, refused, PostgreSQL away. */
  lastError: string | null;
  /** Of the content as it is now; the last good revision stays in force. */
  problems: string[];
  objects: number;
  /** What is not applied because it would remove too much, until a person allows it. */
  held: { count: number; of: number } | null;
  /** The earlier revision that stays in force, because a person rolled back to it. */
  pinned: { revision: number; by: string; reason: string } | null;
  /** The commit of the content as it is now; null: not from version control. */
  origin: Origin | null;
}

export type RoundEnd = 'done' | 'absent' | 'unsettled' | 'failed';

export interface Round {
  /** One look at the source; never throws. */
  run: () => Promise<RoundEnd>;
  status: (now: number) => SourceStatus;
}

interface RoundOptions {
  pool: Pool;
  source: Source;
  compile: Compile;
  logger: Logger;
  /** Epoch ms. */
  now: () => number;
  /** What would remove more than this share of the source's objects waits for a person. */
  pruneShare: number;
}

interface RoundState {
  revision: number | null;
  objects: number;
  inForceAt: number | null;
  lastError: string | null;
  problems: string[];
  /** The newest content, compiled once however often it is looked at. */
  content: (Compiled & { checksum: string }) | null;
  /** Of that content. */
  origin: Origin | null;
  held: SourceStatus['held'];
  pinned: SourceStatus['pinned'];
  /** The refusal that was logged, and the one that was audited: each is said once. */
  logged: string;
  audited: string;
  unsettled: number;
  /** The error that the database has; null: not known yet. */
  told: string | null;
}

/** Somebody who writes without a pause is mentioned after so many looks. */
const MAX_UNSETTLED = 50;

/** What one look at a source does: read, compile what is new, apply all or nothing. */
export function createRound(options: RoundOptions): Round {
  const state: RoundState = {
    revision: null,
    objects: 0,
    inForceAt: null,
    lastError: null,
    problems: [],
    content: null,
    origin: null,
    held: null,
    pinned: null,
    logged: '',
    audited: '',
    unsettled: 0,
    told: null,
  };
  return {
    async run() {
      const end = await tryLook(options, state);
      await tellError(options, state);
      return end;
    },
    status: (now) => ({
      source: options.source.name,
      revision: state.revision,
      ageSeconds: state.inForceAt === null ? null : Math.round((now - state.inForceAt) / 1000),
      lastError: state.lastError,
      problems: state.problems,
      objects: state.objects,
      origin: state.origin,
      held: state.held,
      pinned: state.pinned,
    }),
  };
}

async function tryLook(options: RoundOptions, state: RoundState): Promise<RoundEnd> {
  try {
    return await look(options, state);
  } catch (error) {
    fail(options, state, { message: failureOf(error), error });
    return 'failed';
  }
}

/** For whoever asks the API instead of this process; what cannot be written is written after the next look. */
async function tellError({ pool, source }: RoundOptions, state: RoundState): Promise<void> {
  const { lastError, problems, held } = state;
  // What is held is kept elsewhere, with what it would remove.
  const isHeld = held !== null && lastError === heldMessage(source.name, held);
  const error = lastError === null || isHeld ? null : { message: lastError, problems };
  const text = JSON.stringify(error);
  if (state.told === text) return;
  await setSourceError(pool, source.name, error).then(
    () => {
      state.told = text;
    },
    () => undefined,
  );
}

function failureOf(error: unknown): string {
  if (error instanceof SourceAwayError) return `${error.message}, trying again`;
  return isDatabaseAway(error)
    ? 'PostgreSQL is away, trying again'
    : 'source cannot be synced, trying again';
}

async function look(options: RoundOptions, state: RoundState): Promise<RoundEnd> {
  const read = await options.source.read();
  state.unsettled = read.kind === 'unsettled' ? state.unsettled + 1 : 0;
  switch (read.kind) {
    case 'absent':
      // Nothing is pruned: a folder that is not mounted is no wish to let go of everything.
      fail(options, state, { message: read.message });
      return 'absent';
    case 'unsettled':
      if (state.unsettled > MAX_UNSETTLED)
        fail(options, state, { message: 'files keep changing, nothing is applied' });
      return 'unsettled';
    case 'refused':
      await refuse(options, state, read);
      return 'done';
    case 'unchanged':
      await sync(options, state, null);
      return 'done';
    case 'files':
      state.origin = read.origin ?? null;
      await sync(options, state, read.files);
      return 'done';
  }
}

/** `files` null: those of the look before. */
async function sync(
  options: RoundOptions,
  state: RoundState,
  files: readonly SourceFile[] | null,
): Promise<void> {
  if (files !== null) await compileNew(options, state, files);
  if (state.content === null) throw new Error('a source said "unchanged" at its first look');
  const { problems, objects, checksum } = state.content;
  // Said before the database is asked for anything: a person waits for this line.
  if (problems.length > 0) logRefusal(options, state, { checksum, problems });
  const found = problems.length > 0 ? problems : await apply(options, state, objects);
  Object.assign(state, await sourceStatus(options.pool, options.source.name));
  if (found.length === 0) {
    Object.assign(state, { problems: [], logged: '' });
    if (state.held !== null) return;
    Object.assign(state, { lastError: null, inForceAt: options.now() });
    return;
  }
  await refuse(options, state, { checksum, problems: found });
}

async function compileNew(
  options: RoundOptions,
  state: RoundState,
  files: readonly SourceFile[],
): Promise<void> {
  const checksum = checksumOf(files);
  if (state.content?.checksum === checksum) return;
  state.content = { checksum, ...(await options.compile(files)) };
  for (const problem of state.content.warnings)
    options.logger.warn({ problem, source: options.source.name }, 'manifest warning');
}

async function refuse(
  options: RoundOptions,
  state: RoundState,
  { checksum, problems }: Refusal,
): Promise<void> {
  logRefusal(options, state, { checksum, problems });
  await auditRefusal(options, state, { checksum, problems });
  Object.assign(state, { problems, lastError: 'manifest refused' });
}

/** Applies even what was applied before: what the database lost, or another source let go of, comes back. */
async function apply(
  options: RoundOptions,
  state: RoundState,
  objects: readonly ManifestObject[],
): Promise<string[]> {
  const { pool, source, logger, pruneShare } = options;
  const { origin } = state;
  const result = await applyRevision(pool, {
    source: source.name,
    author: origin?.author ?? 'vigil',
    correlationId: randomUUID(),
    mode: 'replaceSource',
    objects,
    deletions: [],
    origin,
    pruneShare,
  });
  state.held = result.kind === 'held' ? { count: result.count, of: result.of } : null;
  state.pinned = result.kind === 'pinned' ? pinOf(result.pin) : null;
  switch (result.kind) {
    case 'refused':
      return result.problems.map(({ file, line, message }) => `${file}:${line}:1: ${message}`);
    case 'held':
      fail(options, state, { message: heldMessage(source.name, result) });
      return [];
    case 'pinned':
      return [];
    case 'applied':
      if (result.revision !== null) {
        const { revision, changed } = result;
        logger.info(
          { source: source.name, revision, changes: changesOf(changed) },
          'manifests applied',
        );
      }
      return [];
  }
}

function pinOf({ revision, by, reason }: Pin): SourceStatus['pinned'] {
  return { revision, by, reason };
}

function heldMessage(source: string, { count, of }: { count: number; of: number }): string {
  return `this revision would remove ${count} of ${of} objects, so it waits: ./vigil drift allow-prune ${source}`;
}

/** A log line is to be read: of ten thousand changes the first ones say enough. */
const MAX_LOGGED = 50;

function changesOf(changed: Extract<RevisionResult, { kind: 'applied' }>['changed']): string[] {
  const lines = changed
    .slice(0, MAX_LOGGED)
    .map((c) => `${c.change} ${c.kind} ${c.namespace}/${c.name}`);
  const more = changed.length - lines.length;
  return more === 0 ? lines : [...lines, `and ${more} more`];
}

interface Refusal {
  checksum: string;
  problems: string[];
}

function logRefusal({ source, logger }: RoundOptions, state: RoundState, refusal: Refusal): void {
  const text = textOf(refusal);
  if (state.logged === text) return;
  state.logged = text;
  for (const problem of refusal.problems)
    logger.error({ problem, source: source.name }, 'manifest refused');
}

async function auditRefusal(
  { pool, source }: RoundOptions,
  state: RoundState,
  refusal: Refusal,
): Promise<void> {
  const text = textOf(refusal);
  if (state.audited === text) return;
  await recordRefusal(pool, { ...refusal, source: source.name, correlationId: randomUUID() });
  state.audited = text;
}

function textOf({ checksum, problems }: Refusal): string {
  return [checksum, ...problems].join('\n');
}

/** Says an error once, until there is another or none. */
function fail(
  { source, logger }: RoundOptions,
  state: RoundState,
  { message, error }: { message: string; error?: unknown },
): void {
  if (state.lastError !== message)
    logger.warn({ source: source.name, ...(error === undefined ? {} : { err: error }) }, message);
  state.lastError = message;
  // They were of another content, unless it was read and PostgreSQL alone is away.
  if (!isDatabaseAway(error)) state.problems = [];
}

function checksumOf(files: readonly SourceFile[]): string {
  const hash = createHash('sha256');
  for (const { path, text } of files) hash.update(JSON.stringify([path, text]));
  return hash.digest('hex');
}
