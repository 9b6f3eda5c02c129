import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { query } from '../../storage/database';
import { costOf, costsBelow } from './proc-tree';

/** What was spent between two looks. */
export interface Load {
  seconds: number;
  commits: number;
  /** Processor seconds. */
  cpu: { postgres: number; temporal: number; worker: number };
  /** That Temporal's services answered; null where its metrics do not say. */
  requests: number | null;
}

export interface Meter {
  (): Promise<Load>;
  between: (before: Load, after: Load) => Load;
}

/** Reads /proc, PostgreSQL's own counters and Temporal's metrics; a look is a sum since the start. */
export function startMeter(pool: Pool, part: { home: string; worker: number }): Meter {
  const look = async (): Promise<Load> => {
    const [row] = await query<{ commits: number }>(
      pool,
      'select xact_commit as commits from pg_stat_database where datname = current_database()',
    );
    const costs = costsBelow(process.pid);
    return {
      seconds: performance.now() / 1000,
      commits: row?.commits ?? 0,
      cpu: {
        postgres: costs.get('postgres')?.cpuSeconds ?? 0,
        temporal: costs.get('temporal')?.cpuSeconds ?? 0,
        worker: costOf([part.worker]).cpuSeconds,
      },
      requests: await countRequests(part.home),
    };
  };
  return Object.assign(look, { between: difference });
}

function difference(before: Load, after: Load): Load {
  const { cpu } = after;
  return {
    seconds: after.seconds - before.seconds,
    commits: after.commits - before.commits,
    cpu: {
      postgres: cpu.postgres - before.cpu.postgres,
      temporal: cpu.temporal - before.cpu.temporal,
      worker: cpu.worker - before.cpu.worker,
    },
    requests:
      before.requests === null || after.requests === null ? null : after.requests - before.requests,
  };
}

/** The dev server prints where its metrics are. */
async function countRequests(home: string): Promise<number | null> {
  const log = readFileSync(join(home, 'logs', 'temporal.log'), 'utf8');
  const url = /Metrics:\s+(http\S+)/.exec(log)?.[1];
  if (url === undefined) return null;
  const text = await (await fetch(url)).text();
  const counts = [
    ...text.matchAll(/^service_requests\{[^}]*service_name="frontend"[^}]*\} (\S+)$/gm),
  ];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
