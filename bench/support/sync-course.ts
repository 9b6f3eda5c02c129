import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { CATALOGUES } from '../../activities/catalogue';
import type * as CompileModule from '../../gitops/compile';
import type * as RoundModule from '../../gitops/round';
import { SETTLE_MS } from '../../gitops/sources/create';
import type * as SyncModule from '../../gitops/sync';
import { query } from '../../storage/database';
import { listen } from '../../storage/listen';
import type { Bench } from './bench';
import { built } from './built';
import type { ManifestOrigin } from './sync-origins';
import { editedFile, manifestFile } from './sync-manifests';

const { createCompile } = built('gitops/compile') as typeof CompileModule;
const { createRound } = built('gitops/round') as typeof RoundModule;
const { startSync } = built('gitops/sync') as typeof SyncModule;

/** Nothing is to be found by polling: only by watch, or by word. */
const NEVER_MS = 3_600_000;
const DEADLINE_MS = 120_000;
/** A watch begins some time after the first look; until then a change is written again. */
const REWRITE_MS = 2000;

export interface Course {
  bench: Bench;
  pool: Pool;
  logger: Logger;
  origin: ManifestOrigin;
  manifests: number;
  looks: number;
  changes: number;
}

/** Milliseconds. */
export interface Measured {
  name: string;
  firstMs: number;
  noOp: number[];
  /** From the write to the commit of the outbox row. */
  change: number[];
  /** Of a change, what the look at the source takes: the waits left out. */
  round: number[];
  /** Of a look at nothing new, the reading. */
  read: number[];
}

/** The course of one origin: first look, looks at nothing new, changes seen by a look, changes seen by the process. */
export async function measureOrigin(course: Course): Promise<Measured> {
  const { bench, pool, logger, origin, manifests, looks, changes } = course;
  const options = {
    ...{ pool, logger, source: origin.source, now: Date.now, pruneShare: 0.5 },
    compile: createCompile(CATALOGUES, {}),
  };
  const round = createRound(options);
  // Files that were written just now are left alone until then.
  await pause(SETTLE_MS * 2);
  const look = async (): Promise<number> => {
    const begun = performance.now();
    const end = await round.run();
    const { lastError, problems } = round.status(Date.now());
    if (end !== 'done' || lastError !== null)
      throw new Error(`the look ended ${end}: ${lastError ?? ''} ${problems.join('\n')}`);
    return performance.now() - begun;
  };
  bench.say(`${origin.name}: first look`);
  const firstMs = await look();
  await expectApplied(pool, manifests);
  const noOp: number[] = [];
  for (let i = 0; i < looks; i += 1) noOp.push(await look());
  const read: number[] = [];
  for (let i = 0; i < looks; i += 1) {
    const begun = performance.now();
    await origin.source.read();
    read.push(performance.now() - begun);
  }
  bench.say(`${origin.name}: changes`);
  const roundMs: number[] = [];
  for (let i = 0; i < changes; i += 1) {
    origin.change(manifestFile(editedFile(i, manifests), i + 1));
    await pause(SETTLE_MS * 2);
    roundMs.push(await look());
    await expectRevisions(pool, i + 2);
  }
  const change = await measureChanges(course);
  return { name: origin.name, firstMs, noOp, read, change, round: roundMs };
}

/** The process as it runs: each change is noticed, waited for, read, compiled and applied. */
async function measureChanges(course: Course): Promise<number[]> {
  const { bench, pool, logger, origin, manifests, changes } = course;
  const news = listenForNews(bench, pool);
  const sync = startSync({
    ...{ pool, logger, source: origin.source, now: Date.now, pruneShare: 0.5 },
    compile: createCompile(CATALOGUES, {}),
    intervalMs: NEVER_MS,
    settleMs: SETTLE_MS,
  });
  bench.lifecycle.onStop(`sync ${origin.name}`, sync.stop);
  /** Writes a change; ms from when it was there to be seen until the news of it, null: none in that time. */
  const edit = async (i: number, count: number, timeoutMs: number): Promise<number | null> => {
    const index = editedFile(i, manifests);
    origin.change(manifestFile(index, count));
    const begun = performance.now();
    if (origin.isTold) sync.lookNow();
    // A look that began before may bring news, too: only those of this very change count.
    const heard = await news.of(() => isInForce(pool, index, count), begun + timeoutMs);
    return heard === null ? null : heard - begun;
  };
  // Until the watch is there: written again and again, and seen at last.
  let warmUp = 1000;
  while ((await edit(0, warmUp, REWRITE_MS)) === null) warmUp += 1;
  const found: number[] = [];
  for (let i = 0; i < changes; i += 1) {
    await pause(SETTLE_MS * 3);
    const took = await edit(i, 2000 + i, DEADLINE_MS);
    if (took === null) throw new Error('a change was not signalled');
    found.push(took);
  }
  await sync.stop();
  return found;
}

/** Hears when a message for a workflow was committed. */
function listenForNews({ lifecycle }: Bench, pool: Pool) {
  let heardAt: number | null = null;
  let wake: () => void = () => undefined;
  const take = (): number | null => {
    const at = heardAt;
    heardAt = null;
    return at;
  };
  const listener = listen(pool, {
    channels: ['vigil_outbox'],
    onNotify() {
      heardAt = performance.now();
      wake();
    },
  });
  lifecycle.onStop('listener', () => listener.close());
  return {
    /** When the news came that made it true; null: none by then. All of `performance.now`. */
    async of(isTrue: () => Promise<boolean>, deadline: number): Promise<number | null> {
      take();
      for (;;) {
        const at = take();
        if (at !== null && (await isTrue())) return at;
        const waitMs = deadline - performance.now();
        if (waitMs <= 0) return null;
        if (at === null) await woken(waitMs, (resolve) => (wake = resolve));
      }
    },
  };
}

async function woken(timeoutMs: number, whenWoken: (wake: () => void) => void): Promise<void> {
  const timer = new AbortController();
  await Promise.race([
    new Promise<void>(whenWoken),
    pause(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined),
  ]);
  timer.abort();
}

/** Whether the `index`th Service is in force as that edit made it. */
async function isInForce(pool: Pool, index: number, edit: number): Promise<boolean> {
  const rows = await query(
    pool,
    `select 1 from resources where name = $1 and spec #>> '{runtime,env,EDIT}' = $2`,
    [`service-${index}`, String(edit)],
  );
  return rows.length > 0;
}

async function expectApplied(pool: Pool, manifests: number): Promise<void> {
  const [row] = await query<{ objects: number; told: number }>(
    pool,
    `select (select count(*)::int from manifests) as objects, (select count(*)::int from outbox) as told`,
  );
  if (row?.objects !== manifests || row.told === 0)
    throw new Error(`${row?.objects} of ${manifests} objects are in force, ${row?.told} were told`);
}

async function expectRevisions(pool: Pool, expected: number): Promise<void> {
  const [row] = await query<{ count: number }>(
    pool,
    'select count(*)::int as count from revisions',
  );
  if (row?.count !== expected)
    throw new Error(`${row?.count} revisions were made, not ${expected}`);
}
