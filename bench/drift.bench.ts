/**
 * `npm run bench -- drift [--quick] [--resources N] [--interval MS] [--window MS]`: what it costs to look at a fleet again and again.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { CATALOGUES } from '../activities/catalogue';
import { createConfigRuntime } from '../activities/runtimes/config/runtime';
import { parseManifests } from '../language/manifest/compile';
import { createPool, query } from '../storage/database';
import { applyRevision, type ManifestObject } from '../storage/manifests';
import { migrate } from '../storage/migrate';
import { startObserver } from '../workers/observe/observer';
import { runBench, type Bench } from './support/bench';
import { costsBelow } from './support/proc-tree';
import { table, type Report } from './support/results';
import { startBarePostgres } from './support/servers';
import { temporaryHome } from './support/stack';

const ABOUT = `What it costs to look at a fleet again and again: config Services with one real file each, all as their
manifests say, looked at by the worker's own observer on real PostgreSQL. A look reads and hashes the file, compares,
and writes state and sample, in batches. Processor time per look, of the observer and of PostgreSQL; and how soon a
hundred files that are changed at once are told as drift. Beside it, as the floor: reading and hashing the same files
and updating one row for each, 250 in a statement.`;

const BATCH = 250;
const CHANGED = 100;

interface Fleet {
  pool: Pool;
  home: string;
  paths: readonly string[];
}

runBench(
  { name: 'drift', about: ABOUT, numbers: ['resources', 'interval', 'window'] },
  async (bench) => {
    const resources = bench.number('resources', bench.isQuick ? 300 : 10_000);
    const intervalMs = bench.number('interval', bench.isQuick ? 2000 : 20_000);
    const windowMs = bench.number('window', bench.isQuick ? 4000 : 60_000);
    const pool = createPool({ url: await startBarePostgres(bench), poolSize: 6, name: 'bench' });
    bench.lifecycle.onStop('pool', () => pool.end());
    await migrate(pool);
    const fleet = await createFleet(pool, temporaryHome(bench.lifecycle), resources);
    const floor = await measureFloor(fleet);
    const first = await startLooking(bench, fleet, intervalMs);
    bench.say(`looking for ${windowMs / 1000} s`);
    const steady = await measureWindow(pool, windowMs);
    const toldMs = await measureTelling(fleet);
    return reportOf({ resources, intervalMs, floor, first, steady, toldMs });
  },
);

async function createFleet(pool: Pool, home: string, count: number): Promise<Fleet> {
  const folder = join(home, 'files');
  mkdirSync(folder);
  const paths = Array.from({ length: count }, (_, i) => join(folder, `service-${i}.conf`));
  const objects: ManifestObject[] = paths.flatMap((path, i) => {
    writeFileSync(path, contentOf(i));
    const { objects: compiled, problems } = parseManifests(manifest(path, i), {
      ...{ file: `service-${i}.yaml`, catalogue: CATALOGUES },
    });
    if (problems.length > 0) throw new Error(JSON.stringify(problems));
    return compiled;
  });
  await applyRevision(pool, {
    ...{ source: 'bench', author: 'bench', correlationId: null, deletions: [] },
    ...{ mode: 'upsert', objects },
  });
  return { pool, home, paths };
}

function contentOf(i: number): string {
  return `# service ${i}\n${'setting = value\n'.repeat(60)}`;
}

function manifest(path: string, i: number): string {
  return `apiVersion: vigil.io/v1
kind: Service
metadata: { name: service-${i}, namespace: bench }
spec:
  runtime: { type: config }
  config: [{ path: ${path}, content: ${JSON.stringify(contentOf(i))} }]
  sync: { mode: heal }
`;
}

interface Cpu {
  observer: number;
  postgres: number;
}

/** Seconds of processor time so far. */
function cpuNow(): Cpu {
  const { user, system } = process.cpuUsage();
  const postgres = costsBelow(process.pid).get('postgres')?.cpuSeconds ?? 0;
  return { observer: (user + system) / 1e6, postgres };
}

interface Spent extends Cpu {
  looks: number;
  wallMs: number;
}

async function spentBy(looksOf: () => Promise<number>): Promise<Spent> {
  const [before, from] = [cpuNow(), performance.now()];
  const looks = await looksOf();
  const after = cpuNow();
  return {
    ...{ looks, wallMs: performance.now() - from },
    observer: after.observer - before.observer,
    postgres: after.postgres - before.postgres,
  };
}

async function measureFloor({ pool, paths }: Fleet): Promise<Spent> {
  await query(pool, 'create table floor (path text primary key, sum text, at timestamptz)');
  const pass = async (): Promise<number> => {
    for (let from = 0; from < paths.length; from += BATCH) {
      const rows = paths.slice(from, from + BATCH).map((path) => ({
        path,
        sum: createHash('sha256').update(readFileSync(path)).digest('hex'),
      }));
      await query(
        pool,
        `insert into floor select path, sum, now() from jsonb_to_recordset($1) as r(path text, sum text)
         on conflict (path) do update set sum = excluded.sum, at = excluded.at`,
        [JSON.stringify(rows)],
      );
    }
    return paths.length;
  };
  await pass();
  return spentBy(pass);
}

/** The first look at all of them, of an observer that goes on until the run ends. */
async function startLooking(
  bench: Bench,
  { pool, home, paths }: Fleet,
  intervalMs: number,
): Promise<Spent> {
  return spentBy(async () => {
    const runtime = createConfigRuntime({ home, now: Date.now });
    const observer = startObserver({
      ...{ pool, runtimes: new Map([['config', runtime]]), host: null, intervalMs },
      ...{ logger: pino({ level: 'warn' }), now: Date.now },
    });
    bench.lifecycle.onStop('observer', observer.stop);
    while ((await countOf(pool, 'states')) < paths.length) await pause(50);
    return paths.length;
  });
}

/** Every look leaves one sample. */
async function measureWindow(pool: Pool, windowMs: number): Promise<Spent> {
  return spentBy(async () => {
    const before = await countOf(pool, 'samples');
    await pause(windowMs);
    return (await countOf(pool, 'samples')) - before;
  });
}

async function measureTelling({ pool, paths }: Fleet): Promise<number> {
  const changed = paths.filter((_, i) => i % Math.ceil(paths.length / CHANGED) === 0);
  for (const path of changed) writeFileSync(path, 'changed by hand');
  const from = performance.now();
  while ((await countOf(pool, 'drift_events')) < changed.length) await pause(50);
  return performance.now() - from;
}

async function countOf(pool: Pool, name: 'states' | 'samples' | 'drift_events'): Promise<number> {
  const [row] = await query<{ count: number }>(pool, `select count(*)::int as count from ${name}`);
  return row?.count ?? 0;
}

function reportOf(found: {
  resources: number;
  intervalMs: number;
  floor: Spent;
  first: Spent;
  steady: Spent;
  toldMs: number;
}): Report {
  const { resources, intervalMs, floor, first, steady, toldMs } = found;
  const per = (spent: Spent): number => ((spent.observer + spent.postgres) / spent.looks) * 1e6;
  const row = (name: string, spent: Spent): string[] => [
    name,
    `${Math.round((spent.observer / spent.looks) * 1e6)}`,
    `${Math.round((spent.postgres / spent.looks) * 1e6)}`,
    `${Math.round(spent.looks / (spent.wallMs / 1000))}`,
  ];
  const cores = (steady.observer + steady.postgres) / (steady.wallMs / 1000);
  return {
    findings: [
      `${resources} resources, each looked at every ${intervalMs / 1000} s: ${Math.round(per(steady))} µs of processor time a look, ${(per(steady) / per(floor)).toFixed(1)} × the floor; ${cores.toFixed(2)} cores in all`,
      `${CHANGED} files changed at once: all told after ${(toldMs / 1000).toFixed(1)} s (each is looked at every ${intervalMs / 1000} s, ± 15 %)`,
    ],
    tables: [
      table(
        ['µs of processor time', 'observer', 'PostgreSQL', 'looks/s'],
        [
          row('again and again', steady),
          row('the first look', first),
          row('floor: read, hash, one row', floor),
        ],
      ),
    ],
    notes: ['looks/s of "again and again" are what the interval asks for, not the most it can do'],
  };
}
