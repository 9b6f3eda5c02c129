/**
 * `npm run bench -- sync [--quick] [--manifests N] [--looks N] [--changes N]`: how long manifests take from a file to the outbox.
 */
import { readFileSync } from 'node:fs';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { createPool, query } from '../storage/database';
import { migrate } from '../storage/migrate';
import { runBench, type Bench } from './support/bench';
import type { Report } from './support/results';
import { table } from './support/results';
import { startBarePostgres } from './support/servers';
import { temporaryHome } from './support/stack';
import { summarise, type Summary } from './support/statistics';
import { folderOrigin, gitOrigin, type ManifestOrigin } from './support/sync-origins';
import { measureOrigin, type Measured } from './support/sync-course';
import { manifestFile } from './support/sync-manifests';

const ABOUT = `How long manifests take from a file to the outbox, one Service or Policy a file: in a folder, and in a
git repository (a bare one on this disk, pushed to). First look: read, compiled and applied as one revision. A look that
finds nothing new. One file changed: from the write (the push) until the news for its workflow is committed, with the
file watch (a webhook's word) and the 200 ms for which a file must be left alone. Beside it, as the floor: reading the
same files, and inserting the same documents as bare rows in one statement.`;

const AIM_MS = 1000;

runBench(
  { name: 'sync', about: ABOUT, numbers: ['manifests', 'looks', 'changes'] },
  async (bench) => {
    const manifests = bench.number('manifests', bench.isQuick ? 300 : 10_000);
    const looks = bench.number('looks', bench.isQuick ? 3 : 30);
    const changes = bench.number('changes', bench.isQuick ? 3 : 20);
    const url = await startBarePostgres(bench);
    const admin = createPool({ url, poolSize: 2, name: 'bench' });
    bench.lifecycle.onStop('admin', () => admin.end());
    const home = temporaryHome(bench.lifecycle);
    const files = Array.from({ length: manifests }, (_, i) => manifestFile(i));
    const folder = folderOrigin(home, files);
    const origins = [folder, gitOrigin(home, files)];
    const floor = await measureFloor(admin, folder);
    const found: Measured[] = [];
    for (const origin of origins) {
      const pool = await ownDatabase(bench, admin, { url, name: origin.name });
      const logger = pino({ level: 'silent' });
      found.push(await measureOrigin({ bench, pool, logger, origin, looks, changes, manifests }));
    }
    return reportOf(found, floor, { manifests, looks, changes });
  },
);

/** A database with nothing in it, so that one origin's objects are not in the other's way. */
async function ownDatabase(
  bench: Bench,
  admin: Pool,
  { url, name }: { url: string; name: string },
): Promise<Pool> {
  await query(admin, `create database bench_${name}`);
  const own = new URL(url);
  own.pathname = `/bench_${name}`;
  const pool = createPool({ url: own.href, poolSize: 4, name: 'bench' });
  bench.lifecycle.onStop(`pool ${name}`, () => pool.end());
  await migrate(pool);
  return pool;
}

interface Floor {
  readMs: number;
  insertMs: number;
}

/** What nobody can do without: the same files read, and as many bare rows in one transaction. */
async function measureFloor(pool: Pool, { paths }: ManifestOrigin): Promise<Floor> {
  const begun = performance.now();
  const documents = paths.map((path) => ({ path, text: readFileSync(path, 'utf8') }));
  const readMs = performance.now() - begun;
  await query(pool, 'create table floor (path text primary key, text text)');
  const from = performance.now();
  await query(
    pool,
    `insert into floor select path, text from jsonb_to_recordset($1) as r(path text, text text)`,
    [JSON.stringify(documents)],
  );
  return { readMs, insertMs: performance.now() - from };
}

function reportOf(
  found: readonly Measured[],
  floor: Floor,
  { manifests, looks, changes }: { manifests: number; looks: number; changes: number },
): Report {
  const floorMs = floor.readMs + floor.insertMs;
  return {
    findings: found.map(({ name, firstMs, noOp, change }) => {
      const { p95 } = summarise(change);
      const times = (firstMs / floorMs).toFixed(1);
      return `${manifests} manifests, ${name}: first ${ms(firstMs)} (${times} × reading and inserting bare rows), nothing new ${ms(summarise(noOp).p50)}, one file changed and signalled p95 ${ms(p95)} (aim < ${AIM_MS} ms): ${p95 < AIM_MS ? 'met' : 'missed'}`;
    }),
    tables: [
      table(
        ['step', ...found.map(({ name }) => name)],
        [
          ['first look: read, compile, apply', ...found.map(({ firstMs }) => ms(firstMs))],
          ['nothing new, p50 / p95', ...found.map(({ noOp }) => pair(summarise(noOp)))],
          ['of it, reading, p50', ...found.map(({ read }) => ms(summarise(read).p50))],
          [
            'one change signalled, p50 / p95',
            ...found.map(({ change }) => pair(summarise(change))),
          ],
          [
            'of it, read, compile and apply, p50',
            ...found.map(({ round }) => ms(summarise(round).p50)),
          ],
        ],
      ),
      table(
        ['floor', 'ms'],
        [
          ['the files read', ms(floor.readMs)],
          ['as many bare rows inserted', ms(floor.insertMs)],
        ],
      ),
    ],
    notes: [
      `${looks} looks that found nothing new, ${changes} changes of one file each; the first look is one.`,
    ],
  };
}

function pair({ p50, p95 }: Summary): string {
  return `${ms(p50)} / ${ms(p95)}`;
}

function ms(value: number): string {
  return `${Math.round(value).toLocaleString('en')} ms`;
}
